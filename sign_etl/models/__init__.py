"""Networks: what a task learns with. They see tensors and masks, never files or processes."""
