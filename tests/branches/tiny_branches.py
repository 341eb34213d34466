"""The options of the smallest branch of each kind."""

from fusion.config.branches import Backbone, HuggingFace, Micro, Nano, NgramBaseline, Transformer

NANO = Nano(name="nano", buckets=512, num_hashes=2, dim=8, ngram_dropout=0.5, ensemble_weights=300, min_groups=2)
LADDER = Transformer(name="ladder", variant="v5", tokenizer="bpe", vocabulary=300, max_tokens=48, dim=16, blocks=2,
                     heads=2, dropout=0.1)  # fmt: skip
MICRO = Micro(name="micro", weights=900, min_groups=2)
NGRAM = NgramBaseline(name="ngram", features=1024, max_ngram=3)
ARCHITECTURE = {
    "model_type": "roberta", "vocab_size": 300, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
    "intermediate_size": 32, "max_position_embeddings": 66,
}  # fmt: skip
HF = HuggingFace(name="hf", model="nobody/nothing", weights="random", max_tokens=48, architecture=ARCHITECTURE)
RESNET = Backbone(name="timm", model="test_resnet", weights="random")
CONVNET = Backbone(name="convnet", model="convnet", weights="random")
