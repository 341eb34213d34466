"""fusion: what a piece of code is, told from its text, its screenshot, or both.

packages / folder / CSV / JSONL / Parquet / hub
   -> Snippet (text, label, group)            snippets/      one Arrow table, split by group
   -> token classes (one byte per character)  screenshots/   lexed without the label
   -> Screenshot (uint8 H x W x 3)            screenshots/   drawn anew each epoch, seeded
   -> pair {text, image, label}               datamodule.py  LightningDataModule
   -> branch(text), branch(image): (B, D)     branches/      CodeBERTa, nano, ladder, timm CNN
   -> late fusion -> logits (B, C)            model/         concatenation
   -> run folder: run.json, predictions       training/      a configuration (config/) -> what results/ reads
   -> table, plots                            results/
   -> Prediction                              serving/       text only or both
"""

__version__ = "0.1.0"
