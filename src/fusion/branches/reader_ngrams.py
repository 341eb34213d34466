"""Pictures (B, 3, H, W) -> features (B, 96): what fusion ocr reads in each, as n-grams of characters, embedded.

Nothing of a picture but its text is seen, and the reading does not learn; a picture takes tens of milliseconds.
"""

import torch
from torch import nn

from fusion.branches.characters import Characters
from fusion.branches.nano import HashEmbedding
from fusion.branches.reader import CONFIGURATION
from fusion.reading.reader import read_picture

FEATURES, MAX_NGRAM = 1 << 18, 4


class ReadNgrams(nn.Module):
    """The reader that fusion ships and a bag of n-grams, with the methods that timm's networks have."""

    pretrained_cfg = CONFIGURATION

    def __init__(self) -> None:
        super().__init__()
        self.tokenizer = Characters(FEATURES, MAX_NGRAM)
        self.embedding = HashEmbedding(buckets=16384, num_hashes=3, dim=32, ngram_dropout=0.5)
        self.num_features = self.embedding.dim

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 1 or 3, H, W) from 0 to 1 -> (B, 96, 1, 1)."""
        pictures = (255 * x.expand(-1, 3, -1, -1)).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        grams = self.tokenizer([read_picture(picture).text for picture in pictures])
        features: torch.Tensor = self.embedding({name: value.to(x.device) for name, value in grams.items()})
        return features[:, :, None, None]

    def forward_head(self, maps: torch.Tensor) -> torch.Tensor:
        return maps.flatten(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.forward_head(self.forward_features(x))
