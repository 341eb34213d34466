"""Where things lie, what every option may be, and errors that name the fix."""
