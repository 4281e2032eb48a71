"""Dates as people write them and as an index stores them: RFC 3339 in UTC to the second, which sorts as text.

A time without an offset is taken as UTC: cameras write their local time and mostly not where that is.
"""

import re
from datetime import UTC, datetime, timedelta, timezone

_ISO = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?)?)?", re.ASCII
)
_LAST = datetime.max.replace(microsecond=0, tzinfo=UTC)


def span_of(text: str) -> tuple[str, str]:
    """The first second that a date stands for and the first after it: of a year, month, day, minute or second.

    Raises `ValueError` for what is no date in ISO 8601.
    """
    match = _ISO.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no date: write 2024, 2024-05, 2024-05-31 or 2024-05-31T18:30:00Z")
    year, month, day, hour, minute, second, zone = match.groups()
    try:
        first = datetime(
            int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=UTC
        )
        first = (first.replace(tzinfo=timezone(_offset(zone)))).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is no date: {error}") from None
    try:
        if month is None:
            after = first.replace(year=first.year + 1)
        elif day is None:
            after = (first + timedelta(days=31)).replace(day=1)
        else:
            after = first + timedelta(days=not hour, minutes=bool(hour and not second), seconds=bool(second))
    except (ValueError, OverflowError):
        after = _LAST
    return stored(first), stored(after)


def stored(moment: datetime) -> str:
    """The form in the index; `moment` is in UTC."""
    return moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def is_whole_date(text: str) -> bool:
    """Whether a text is a date with at least a day, and nothing else: what a metadata file may mean by it."""
    if len(text) < 10 or not _ISO.fullmatch(text):
        return False
    try:
        span_of(text)
    except ValueError:
        return False
    return True


def from_file_time(mtime_ns: int) -> str:
    """When a file was changed; empty where the system says something no calendar has."""
    try:
        return stored(datetime.fromtimestamp(mtime_ns // 10**9, UTC))
    except (OverflowError, ValueError, OSError):
        return ""


def _offset(zone: str | None) -> timedelta:
    if zone is None or zone == "Z":
        return timedelta()
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return timedelta(minutes=-minutes if zone[0] == "-" else minutes)
