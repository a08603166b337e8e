"""The verification ladder, and what a user says of a pair of models."""
