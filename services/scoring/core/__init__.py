"""The pure middle of scoring: fold events, measure, score, explain. Time is an argument."""
