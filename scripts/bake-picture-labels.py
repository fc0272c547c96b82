#!/usr/bin/env python3
"""Bakes assets/fonts/picture-labels.png: the letters that `hilum analyze` writes into its pictures.

Row 0 marks the first column of every glyph in white; below it the glyphs stand side by side, white on
black, each as wide as its advance. Characters: U+0020-007E, then U+00A0-00FF. Needs Pillow.
Usage: scripts/bake-picture-labels.py assets/fonts/Inter-Regular.otf
"""
import sys
from PIL import Image, ImageDraw, ImageFont

SIZE = 15
CHARACTERS = [chr(c) for c in [*range(0x20, 0x7F), *range(0xA0, 0x100)]]

font = ImageFont.truetype(sys.argv[1], SIZE)
ascent, descent = font.getmetrics()
widths = [max(1, round(font.getlength(c))) for c in CHARACTERS]
image = Image.new("L", (sum(widths), 1 + ascent + descent))
draw = ImageDraw.Draw(image)
x = 0
for character, width in zip(CHARACTERS, widths):
    cell = Image.new("L", (width, ascent + descent))
    ImageDraw.Draw(cell).text((0, 0), character, fill=255, font=font)
    image.paste(cell, (x, 1))
    image.putpixel((x, 0), 255)
    x += width
image.save("assets/fonts/picture-labels.png", optimize=True)
