"""Serialised objects of a PDF.

pydyf makes the bytes of an object anew each time it reads them, and reads them twice: once to write the object, and
once to compute the identifier of the file.
"""

import pydyf


class WrittenObject(pydyf.Object):
    """An object that is serialised already."""

    data = b""

    def __init__(self, number: int, data: bytes) -> None:
        super().__init__()
        self.number = number
        self.data = data


class WrittenStream(pydyf.Stream):
    """A stream that is serialised and compressed already."""

    data = b""

    def __init__(self, stream: pydyf.Stream) -> None:
        super().__init__()
        self.number = stream.number
        self.data = stream.data


def write_objects_once(pdf: pydyf.PDF) -> None:
    """Serialise each object of a complete PDF once."""
    for place, each in enumerate(pdf.objects):
        if isinstance(each, pydyf.Stream):
            pdf.objects[place] = WrittenStream(each)
        elif each.free != "f" and not isinstance(each, WrittenObject):
            pdf.objects[place] = WrittenObject(each.number, each.data)
