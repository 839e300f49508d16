"""What all pictures with writing have in common."""

from PIL import ImageFont

BACKGROUND = (24, 26, 30)
TITLE = (235, 237, 240)
NOTE = (150, 156, 164)
GAP_PX = 6
LINE_PX = 12
FONT_PX = 10


def font(size_px: int = FONT_PX) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The font of titles and notes."""
    return ImageFont.load_default(size=size_px)
