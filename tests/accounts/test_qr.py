"""The QR code on the page: readable by machines, by screen readers, and under the strictest policy."""

import xml.etree.ElementTree as ET

from accounts import qr

SVG = "{http://www.w3.org/2000/svg}"


def test_picture_has_a_title_and_no_style() -> None:
    text = qr.svg("otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ", title="QR code for <you>")
    picture = ET.fromstring(text)
    assert (picture.tag, picture.get("role"), picture.findtext(f"{SVG}title")) == (
        f"{SVG}svg",
        "img",
        "QR code for <you>",
    )
    assert [element.tag.removeprefix(SVG) for element in picture] == ["title", "rect", "path"]
    assert picture.find(f"{SVG}rect").get("fill") == "white"  # type: ignore[union-attr]
    assert not any(name in element.attrib for element in picture.iter() for name in ("style", "onload", "href"))
    assert "<?xml" not in text
