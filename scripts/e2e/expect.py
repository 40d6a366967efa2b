"""A table of expectations: the item, the actual and the expected value, and whether they agree."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

WIDTHS = (58, 40, 34)


class Report:
    """Collects checks, so that one run shows every disagreement and not only the first."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.rows: list[tuple[str, str, str, bool]] = []

    def check(self, what: str, found: object, expected: object, ok: bool) -> None:
        """Records a check whose verdict the caller has reached."""
        self.rows.append((what, _text(found), _text(expected), ok))

    def equal(self, what: str, found: object, expected: object) -> None:
        """Expects exactly this value, of this type: 3 is not 3.0 and True is not 1."""
        if type(found) is not type(expected) and str(found) == str(expected):
            found = f"{found} ({type(found).__name__})"
        self.check(what, found, expected, type(found) is type(expected) and found == expected)

    def close(self, what: str, found: float | None, expected: float | None) -> None:
        """Expects the same number after its trip through decimal text and sums."""
        ok = found is not None and expected is not None and abs(found - expected) <= 1e-9 + 1e-6 * abs(expected)
        self.check(what, found, expected, ok)

    def positive(self, what: str, found: float | None) -> None:
        """Expects a number above zero."""
        self.check(what, found, "> 0", isinstance(found, int | float) and found > 0)

    def finish(self, failures: Path) -> int:
        """Prints the table, appends failures to a file, and returns the exit status."""
        print(f"\n{self.title}")
        print("  " + " ".join(name.ljust(width) for name, width in zip(("what", "found", "expected"), WIDTHS)) + " ok")
        failed = []
        for what, found, expected, ok in self.rows:
            cells = (_cut(cell, width).ljust(width) for cell, width in zip((what, found, expected), WIDTHS))
            print("  " + " ".join(cells) + (" yes" if ok else " NO"))
            if not ok:
                # The file has the values in full; the table cuts them.
                failed.append(f"{self.title}: {what}: found {found}, expected {expected}\n")
        with failures.open("a") as file:
            file.writelines(failed)
        return 1 if failed else 0


def check_cost(report: Report, what: str, backend: str, ours: float | None, theirs: float | None) -> None:
    """Expects our cost and that of a backend to be similar."""
    report.positive(f"{what}: our cost in USD", ours)
    report.positive(f"{what}: {backend}'s cost in USD", theirs)
    # The two price tables have different maintainers, so the costs are only similar.
    ok = bool(ours and theirs) and 0.5 <= ours / theirs <= 2
    report.check(f"{what}: our cost / {backend}'s", ours / theirs if ok else None, "0.5 … 2", ok)


def poll(ask: Callable[[], T | None], seconds: float) -> T | None:
    """Polls until there is an answer: backends store telemetry after they accept it."""
    deadline = time.monotonic() + seconds
    while (answer := ask()) is None and time.monotonic() < deadline:
        time.sleep(0.5)
    return answer


def _text(value: object) -> str:
    match value:
        case float():
            return f"{value:.6g}"
        case tuple():
            return ", ".join(map(_text, value))
        case list() | set():
            texts = map(_text, value)
            return " | ".join(texts if isinstance(value, list) else sorted(texts)) or "none"
        case _:
            return str(value)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
