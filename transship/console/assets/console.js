// What the page does more where there is a script; without one it does all the rest.
"use strict";

const SECOND = 1000;
const LONGEST = 60;

// Make *old* like *fresh* without taking away what somebody has opened, focused or typed.
function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) {
    old.replaceWith(fresh);
    return;
  }
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) return;
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !(name === "open" && old.nodeName === "DETAILS")) {
      old.removeAttribute(name);
    }
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  const [before, after] = [[...old.childNodes], [...fresh.childNodes]];
  after.forEach((node, i) => (i < before.length ? morph(before[i], node) : old.append(node)));
  before.slice(after.length).forEach((node) => node.remove());
}

async function fetchMain(address) {
  const answer = await fetch(address, { credentials: "same-origin", redirect: "error" });
  const text = await answer.text();
  return answer.ok ? new DOMParser().parseFromString(text, "text/html").querySelector("main") : null;
}

// Reload <main> every data-live seconds while somebody looks; slower while nothing answers.
function live() {
  const main = document.querySelector("main");
  const news = document.getElementById("news");
  let patience = 1;
  async function again() {
    const every = Number(main.dataset.live);
    if (!every) return;
    if (!document.hidden) {
      try {
        const fresh = await fetchMain(location.href);
        patience = 1;
        if (fresh) {
          const summary = fresh.dataset.summary || "";
          if (summary !== (main.dataset.summary || "")) news.textContent = summary;
          morph(main, fresh);
        }
      } catch {
        patience = Math.min(2 * patience, LONGEST);
      }
    }
    setTimeout(again, SECOND * Math.min(every * patience, LONGEST));
  }
  if (main && main.dataset.live) setTimeout(again, SECOND * Number(main.dataset.live));
}

// Only the last of several calls, *pause* ms after it.
function settled(call, pause) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(call, pause);
  };
}

function suggestTags() {
  const input = document.querySelector("input[data-tags]");
  const list = input && document.getElementById(input.getAttribute("list"));
  if (!list) return;
  let asked = "";
  input.addEventListener("input", settled(async () => {
    const image = input.value.trim();
    if (image.length < 3 || image === asked) return;
    asked = image;
    try {
      const answer = await fetch(`${input.dataset.tags}?image=${encodeURIComponent(image)}`);
      if (!answer.ok || asked !== image) return;
      const found = await answer.json();
      list.replaceChildren(...found.tags.map((tag) => {
        const option = document.createElement("option");
        option.value = `${found.name}:${tag}`;
        return option;
      }));
    } catch {
      asked = "";
    }
  }, 250));
}

// The message and the commands follow the form.
function previewMessage() {
  const form = document.querySelector("form[data-preview]");
  if (!form) return;
  form.addEventListener("input", settled(async () => {
    const said = new FormData(form);
    said.delete("token");
    try {
      const fresh = await fetchMain(`${form.dataset.preview}?${new URLSearchParams(said)}`);
      for (const id of ["before", "message"]) {
        const part = fresh && fresh.querySelector(`#${id}`);
        if (part) morph(document.getElementById(id), part);
      }
    } catch {
      // The form says the same, and says what is wrong when it is sent.
    }
  }, 250));
}

live();
suggestTags();
previewMessage();
