"""Pinned packages -> verified bytes, as streams: code and fonts both come this way."""
