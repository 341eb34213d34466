"""Text -> token classes -> sprites -> screenshots: how code looks.

lexing   text -> one token class (uint8) per character, never with the label unless asked for
style    (seed, epoch, id) -> Style: everything that may vary between two pictures of one text
themes   Pygments theme -> palette;  fonts  name -> font files;  glyphs  font and size -> glyph bank
layout   Style and text -> geometry and sprites;  draw  sprites -> pixels, a batch at a time
views    the whole picture, a crop of it or tiles of it, at the size a backbone sees
"""
