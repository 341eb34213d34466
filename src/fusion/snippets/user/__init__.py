"""A folder, CSV, JSONL, Parquet or hub data set of the user's -> the same table as the corpus."""
