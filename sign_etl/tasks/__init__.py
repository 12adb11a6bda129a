"""What a training learns: model, loss and metrics of one task, and what the loop is made of.

A task sees batches and gives sums; ranks, tars, checkpoints and trackers are the loop's business.
"""
