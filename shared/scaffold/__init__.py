"""A repository with two models and a test that they are one, from templates: for a user to begin with."""
