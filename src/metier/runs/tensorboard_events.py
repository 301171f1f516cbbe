"""Writes the event files that TensorBoard reads, by itself: following a run asks for no package more.

A file is a sequence of records: length, checksum of the length, payload, checksum of the payload (TFRecord).
The payload is a protocol buffer of a time, a step and named numbers. Both are small and have not changed in
ten years; TensorBoard is needed only to look.
"""

import struct
import time
from pathlib import Path

# CRC-32C (Castagnoli), reflected.
POLYNOMIAL = 0x82F63B78
MASK = 0xA282EAD8


def _table() -> tuple[int, ...]:
    entries = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ POLYNOMIAL if value & 1 else value >> 1
        entries.append(value)
    return tuple(entries)


TABLE = _table()


def crc32c(data: bytes) -> int:
    """Give the CRC-32C of some bytes."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def masked(crc: int) -> int:
    """Give a checksum as the records hold it, turned and shifted."""
    return (((crc >> 15) | (crc << 17)) + MASK) & 0xFFFFFFFF


class EventFile:
    """One event file; each record is on the disk when the call returns.

    Parameters
    ----------
    folder : Path
        Made where it is missing; TensorBoard takes each folder for one line of every picture.
    """

    def __init__(self, folder: Path):
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"events.out.tfevents.{time.time_ns()}.metier"
        self._write(_double(1, time.time()) + _bytes(3, b"brain.Event:2"))

    def add(self, tag: str, value: float, step: int) -> None:
        """Write one number."""
        named = _bytes(1, tag.encode()) + _float(2, value)
        self._write(_double(1, time.time()) + _varint(2, step) + _bytes(5, _bytes(1, named)))

    def _write(self, payload: bytes) -> None:
        length = struct.pack("<Q", len(payload))
        checks = (struct.pack("<I", masked(crc32c(part))) for part in (length, payload))
        with self.path.open("ab") as file:
            file.write(length + next(checks) + payload + next(checks))


def _key(field: int, kind: int) -> bytes:
    return bytes([field << 3 | kind])


def _double(field: int, value: float) -> bytes:
    return _key(field, 1) + struct.pack("<d", value)


def _float(field: int, value: float) -> bytes:
    return _key(field, 5) + struct.pack("<f", value)


def _bytes(field: int, value: bytes) -> bytes:
    return _key(field, 2) + _number(len(value)) + value


def _varint(field: int, value: int) -> bytes:
    return _key(field, 0) + _number(value)


def _number(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the top bit says that more follow."""
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])
