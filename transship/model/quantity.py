"""Cloud Run's amounts of cpu, memory and time as whole numbers, so that equal ones compare equal.

Kubernetes' quantities, the part that Cloud Run takes
(https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/), and the
durations of gcloud's --timeout (https://docs.cloud.google.com/run/docs/configuring/request-timeout).
Which amounts there are, and which cpu goes with which memory, is left to Cloud Run, where it
changes. The parsers raise ValueError, which says what would be right; who calls knows the field.
"""

import re
from decimal import Decimal

_NUMBER = r"([0-9]{1,15}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})"
_CPU = re.compile(rf"{_NUMBER}(m)?")
_MEMORY = re.compile(rf"{_NUMBER}(Ki|Mi|Gi|Ti|k|M|G|T)?")
_SECONDS = re.compile(r"([0-9]{1,9})s?")
_DURATION = re.compile(r"(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?")

# From the largest binary one down: the order in which the normal form is looked for.
_BINARY = {"Ti": 2**40, "Gi": 2**30, "Mi": 2**20, "Ki": 2**10}
_FACTORS = _BINARY | {"T": 10**12, "G": 10**9, "M": 10**6, "k": 10**3}


def parse_cpu(text: str) -> int:
    """Thousandths of a CPU.

    >>> parse_cpu("1"), parse_cpu("1000m"), parse_cpu(".08")
    (1000, 1000, 80)
    """
    parts = _CPU.fullmatch(text)
    milli = parts and _whole(parts[1], 1 if parts[2] else 1000)
    if not milli:
        raise ValueError(
            f"the cpu {text[:100]!r} is wrong; right is a number of CPUs such as 2 or 0.5, or of"
            " thousandths such as 500m"
        )
    return milli


def format_cpu(milli: int) -> str:
    """The normal form, which is Cloud Run's too.

    >>> format_cpu(1000)
    '1000m'
    """
    return f"{milli}m"


def parse_memory(text: str) -> int:
    """Bytes, which a number alone means too, as in Kubernetes.

    >>> parse_memory("512Mi"), parse_memory("1G"), parse_memory("1Gi")
    (536870912, 1000000000, 1073741824)
    """
    parts = _MEMORY.fullmatch(text)
    count = parts and _whole(parts[1], _FACTORS.get(parts[2], 1))
    if not count:
        raise ValueError(
            f"the memory {text[:100]!r} is wrong; right is a number with Ki, Mi, Gi, k, M or G,"
            " such as 512Mi, or of bytes"
        )
    return count


def format_memory(count: int) -> str:
    """The normal form: the largest binary unit that leaves a whole number.

    >>> format_memory(1610612736), format_memory(1_000_000_000)
    ('1536Mi', '1000000000')
    """
    for suffix, factor in _BINARY.items():
        if count % factor == 0:
            return f"{count // factor}{suffix}"
    return str(count)


def parse_duration(text: str) -> int:
    """Seconds, which a number alone means too, as for gcloud.

    >>> parse_duration("300"), parse_duration("300s"), parse_duration("1m20s")
    (300, 300, 80)
    """
    if alone := _SECONDS.fullmatch(text):
        seconds = int(alone[1])
    elif parts := _DURATION.fullmatch(text):
        hours, minutes, rest = (int(part or 0) for part in parts.groups())
        seconds = 3600 * hours + 60 * minutes + rest
    else:
        seconds = 0
    if not seconds:
        raise ValueError(
            f"the duration {text[:100]!r} is wrong; right is a number of seconds such as 300, or"
            " hours, minutes and seconds such as 5m or 1m20s"
        )
    return seconds


def format_duration(seconds: int) -> str:
    """The form of the Cloud Run API.

    >>> format_duration(300)
    '300s'
    """
    return f"{seconds}s"


def _whole(number: str, factor: int) -> int | None:
    amount = Decimal(number) * factor
    return None if amount % 1 else int(amount)
