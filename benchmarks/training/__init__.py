"""Training and scoring of the statistical second opinion (`assist/second_opinion`)."""
