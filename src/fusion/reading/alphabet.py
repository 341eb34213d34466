"""What the recognizer tells of a cell: which of these characters stands there, and sizes relative to these."""

from fusion.screenshots.charset import BOX, PAGE

CELL_HEIGHT, CELL_WIDTH = 8, 4  # pixels
WIDE = 256  # the class of an ideograph or an emoji: two columns wide, not told apart
CLASSES = 257  # slots of the page (0 nothing, 1 what the page lacks), and WIDE
PITCH, LINE_HEIGHT = 8.0, 18.0  # pixels that sizes are told relative to
UNREAD = "\ufffd"  # stands for what the page lacks
CHARACTERS = [PAGE.get(slot, " " if slot != BOX else UNREAD) for slot in range(256)] + [UNREAD]  # of each class
