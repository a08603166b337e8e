"""What was measured, as text, JSON and pages: each module imports what it shows, so that a command imports no other."""
