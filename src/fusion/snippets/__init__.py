"""Where code comes from: archives and folders -> one table of labelled snippets, split by project."""
