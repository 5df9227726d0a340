"""QR codes for pages: inline SVG without a style attribute, white behind the dots so that it scans in the dark too."""

import xml.etree.ElementTree as ET

import qrcode
from django.utils.safestring import SafeString, mark_safe
from qrcode.image.svg import SvgPathFillImage


def svg(text: str, *, title: str) -> SafeString:
    """`text` as a QR code; `title` is what a screen reader says."""
    image = qrcode.make(text, image_factory=SvgPathFillImage, border=4).get_image()
    image.set("role", "img")
    image.set("class", "qr")
    label = ET.Element("title")
    label.text = title
    image.insert(0, label)
    return mark_safe(ET.tostring(image, encoding="unicode"))  # noqa: S308 (made by ElementTree, which escapes)
