"""What is trained and proved, as plain data: inputs, losses, recipes, profiles, pairs, and the contract of a track."""
