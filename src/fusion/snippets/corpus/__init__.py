"""Archives of pinned packages -> one table of labelled snippets, split by project."""
