"""A comparison -> one HTML file to look at: tables that sort, charts, the worst errors; nothing in it is fetched."""
