// What WCAG 2.2 asks that can be seen from the page itself, at levels A and AA. Returns sentences.
"use strict";

const found = [];
const say = (what, element) => found.push(`${what}: ${element.outerHTML.slice(0, 160)}`);
const all = (css) => [...document.querySelectorAll(css)];
const text = (element) => (element ? element.textContent.trim() : "");
const byId = (ids) => ids.split(/\s+/).map((id) => text(document.getElementById(id))).join(" ").trim();

// 3.1.1 and 2.4.2: a language and a title; 1.3.1: one main part, one first heading, none skipped.
if (!document.documentElement.lang) found.push("the page has no language");
if (!document.title.trim()) found.push("the page has no title");
if (all("main").length !== 1) found.push("the page has not one <main>");
if (all("h1").length !== 1) found.push("the page has not one <h1>");
all("h1, h2, h3, h4").reduce((before, heading) => {
  const level = Number(heading.nodeName[1]);
  if (level > before + 1) say(`a heading skips from ${before}`, heading);
  if (!text(heading)) say("a heading says nothing", heading);
  return level;
}, 0);

// 4.1.2: whatever can be used has a name.
function named(element) {
  return (
    element.getAttribute("aria-label") ||
    (element.hasAttribute("aria-labelledby") && byId(element.getAttribute("aria-labelledby"))) ||
    (element.labels && [...element.labels].map(text).join("").trim()) ||
    (/^(A|BUTTON|SUMMARY)$/.test(element.nodeName) && text(element)) ||
    ""
  );
}
for (const element of all("a[href], button, summary, input:not([type=hidden]), select, textarea, meter, [tabindex='0']")) {
  if (!named(element)) say("nothing names it", element);
}

// 1.3.1: what is referred to is there, and once; a table's headings say of what.
const ids = all("[id]").map((element) => element.id);
for (const id of new Set(ids.filter((each, i) => ids.indexOf(each) !== i))) found.push(`two have the id ${id}`);
for (const name of ["aria-labelledby", "aria-describedby", "for", "list"]) {
  for (const element of all(`[${name}]`)) {
    for (const id of element.getAttribute(name).split(/\s+/)) {
      if (!document.getElementById(id)) say(`${name} leads nowhere`, element);
    }
  }
}
for (const table of all("table")) if (!table.querySelector("th[scope]")) say("a table has no headings", table);
for (const item of all("li")) if (!/^(UL|OL|MENU)$/.test(item.parentElement.nodeName)) say("an item is in no list", item);
for (const element of all("[tabindex]")) if (element.tabIndex > 0) say("it jumps the queue of the keyboard", element);

// 1.4.3: text stands out from what is behind it, 4.5 to 1, large text 3 to 1.
function parts(color) {
  const numbers = color.match(/[\d.]+/g).map(Number);
  return { rgb: numbers.slice(0, 3), alpha: numbers.length > 3 ? numbers[3] : 1 };
}
function behind(element) {
  for (let each = element; each; each = each.parentElement) {
    const { rgb, alpha } = parts(getComputedStyle(each).backgroundColor);
    if (alpha > 0.99) return rgb;
  }
  return [255, 255, 255];
}
function luminance(rgb) {
  const [r, g, b] = rgb.map((each) => {
    const share = each / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}
for (const element of all("body *")) {
  const own = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
  if (!own || !element.getClientRects().length || element.closest(".unseen, option")) continue;
  const style = getComputedStyle(element);
  const size = parseFloat(style.fontSize);
  const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
  const ratio = contrast(parts(style.color).rgb, behind(element));
  if (ratio < (isLarge ? 3 : 4.5)) say(`contrast is ${ratio.toFixed(2)}`, element);
}

// 1.4.10: nothing has to be read by moving it sideways, but what says that it has to.
if (document.documentElement.scrollWidth > window.innerWidth) {
  found.push(`the page is ${document.documentElement.scrollWidth} wide in ${window.innerWidth}`);
}
// 2.5.8: what is touched has room, but links in a line of text.
for (const element of all("button, summary, input:not([type=hidden]):not([type=checkbox])")) {
  const box = element.getBoundingClientRect();
  if (box.width && (box.width < 24 || box.height < 24)) say("it is too small to touch", element);
}
return found;
