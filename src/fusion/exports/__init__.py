"""A trained model -> a folder that answers without torch: graphs of ONNX, model.json, and a runner of one file.

DIR/model.json       what the folder holds: meta.json of the run, preprocessing in words and numbers, graphs, the check
DIR/text.onnx        what the tokenizer makes of texts -> features; of a model without pictures also logits
DIR/image.onnx       pictures -> features
DIR/head.onnx        features of all branches, and which are present -> logits
DIR/reader.onnx      a picture of any size -> what stands in each cell of it
DIR/reader_characters.onnx  what stands in a cell -> which character it is
DIR/tokenizer.json   the tokenizer, with the names that it knows
DIR/runner.py        a reference in numpy and onnxruntime alone
"""
