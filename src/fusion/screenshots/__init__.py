"""Text -> token classes -> sprites -> screenshots: how code looks.

lexing       text -> one token class (uint8) per character, never with the label unless asked for
token_cache  token classes of a whole table, lexed once
style        (seed, epoch, id) -> Style: everything that may vary between two pictures of one text
themes       Pygments theme -> palette
fonts        name -> font files
charset      character -> one of 256 slots
glyphs       font and size -> glyph masks as Pillow draws them
atlas        glyph masks -> tiles of ink, exact or shrunk
layout       style and text -> geometry and sprites: which glyph stands where
window       geometry -> background, shadow, window and its controls
draw         sprites -> pixels, a batch at a time
degradation  clean picture -> JPEG, blurred or rescaled one
painter      texts -> source pictures: all of the above for one batch
resize       picture -> picture of another size
tiles        picture -> the parts of it worth looking at
renderer     texts -> what a backbone sees: the whole picture, a crop of it or tiles of it
user_images  picture files of the user's own -> the same
"""
