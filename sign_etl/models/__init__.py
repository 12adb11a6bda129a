"""Networks: what a task learns with. They see tensors and masks, never files or processes."""

from sign_etl.models.vision import guard_torchvision

guard_torchvision()
