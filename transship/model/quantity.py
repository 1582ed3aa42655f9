"""Cloud Run's amounts of cpu, memory and time, in normal form, so that equal ones compare equal.

Kubernetes' quantities, the part that Cloud Run takes
(https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/), and the
durations of gcloud's --timeout (https://docs.cloud.google.com/run/docs/configuring/request-timeout).
"""

import re
from dataclasses import dataclass
from decimal import Decimal

from transship.errors import InvalidEvent

_CPU = re.compile(r"([0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})(m?)")
_MEMORY = re.compile(r"([0-9]{1,18}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})(Ki|Mi|Gi|Ti|k|M|G|T)?")
_SECONDS = re.compile(r"([0-9]{1,9})s?")
_DURATION = re.compile(r"(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?")

_FACTORS = {
    "Ti": 2**40,
    "Gi": 2**30,
    "Mi": 2**20,
    "Ki": 2**10,
    "T": 10**12,
    "G": 10**9,
    "M": 10**6,
    "k": 10**3,
}
_BINARY = ("Ti", "Gi", "Mi", "Ki")


@dataclass(frozen=True, slots=True, order=True)
class Cpu:
    """Thousandths of a CPU.

    >>> str(Cpu(80)), str(Cpu(1000))
    ('80m', '1000m')
    """

    milli: int

    def __post_init__(self) -> None:
        if self.milli < 1:
            raise InvalidEvent(f"the cpu {self.milli}m is wrong; right is more than 0")

    def __str__(self) -> str:
        return f"{self.milli}m"


@dataclass(frozen=True, slots=True, order=True)
class Memory:
    """Bytes.

    >>> str(Memory(536870912)), str(Memory(1_000_000_000))
    ('512Mi', '1000000000')
    """

    bytes: int

    def __post_init__(self) -> None:
        if self.bytes < 1:
            raise InvalidEvent(f"the memory {self.bytes} is wrong; right is more than 0 bytes")

    def __str__(self) -> str:
        for suffix in _BINARY:
            count, rest = divmod(self.bytes, _FACTORS[suffix])
            if not rest:
                return f"{count}{suffix}"
        return str(self.bytes)


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """Whole seconds, written as the Cloud Run API writes them.

    >>> str(Duration(300))
    '300s'
    """

    seconds: int

    def __post_init__(self) -> None:
        if self.seconds < 1:
            raise InvalidEvent(f"the duration {self.seconds}s is wrong; right is at least 1s")

    def __str__(self) -> str:
        return f"{self.seconds}s"


def parse_cpu(text: str) -> Cpu:
    """The cpu that *text* means.

    Which amounts there are, and which go with how much memory, is left to Cloud Run, where it
    changes.

    >>> parse_cpu("1") == parse_cpu("1000m") == parse_cpu("1.0")
    True
    """
    cpu = _CPU.fullmatch(text)
    milli = Decimal(cpu[1]) * (1 if cpu[2] else 1000) if cpu else Decimal("NaN")
    if milli.is_nan() or milli % 1:
        raise InvalidEvent(
            f"the cpu {text[:100]!r} is wrong; right is a number of CPUs such as 2 or 0.5, or of"
            " whole thousandths such as 500m"
        )
    return Cpu(int(milli))


def parse_memory(text: str) -> Memory:
    """The memory that *text* means; a number alone is bytes, as in Kubernetes.

    >>> parse_memory("1Gi") == parse_memory("1024Mi"), parse_memory("1G") < parse_memory("1Gi")
    (True, True)
    """
    memory = _MEMORY.fullmatch(text)
    amount = Decimal(memory[1]) * _FACTORS.get(memory[2], 1) if memory else Decimal("NaN")
    if amount.is_nan() or amount % 1:
        raise InvalidEvent(
            f"the memory {text[:100]!r} is wrong; right is a number with Ki, Mi, Gi, k, M or G,"
            " such as 512Mi, or of bytes"
        )
    return Memory(int(amount))


def parse_duration(text: str) -> Duration:
    """The duration that *text* means; a number alone is seconds, as for gcloud.

    >>> str(parse_duration("300")), str(parse_duration("1m20s"))
    ('300s', '80s')
    """
    if seconds := _SECONDS.fullmatch(text):
        return Duration(int(seconds[1]))
    duration = _DURATION.fullmatch(text)
    if not (text and duration):
        raise InvalidEvent(
            f"the duration {text[:100]!r} is wrong; right is a number of seconds such as 300, or"
            " hours, minutes and seconds such as 5m or 1m20s"
        )
    hours, minutes, rest = (int(part or 0) for part in duration.groups())
    return Duration(3600 * hours + 60 * minutes + rest)
