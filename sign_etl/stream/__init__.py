"""From the shards of builds to the batches of a training loop.

    index = open_index(["builds/wlasl100"])                             # stream.index, no torch
    stream = Stream(                                                    # stream.loader
        index,
        {"pose": PoseView(layout="spoter-54", transforms=transforms([...]))},
        Batching(frames=4096, samples=64, micro_batches=8),             # stream.plan
        filters=Filters(splits=("train",)),
        seed=0,
        quarantine=Quarantine(run / "quarantine.jsonl"),                # stream.quarantine
    )
    with stream.loader(rank=0, world_size=1, workers=2) as loader:
        for epoch in range(first_epoch, epochs):
            for step in loader.epoch(epoch, start=first_step):
                for batch in step:                  # len(step) is the same on every rank
                    losses = model(batch.views["pose"], batch.masks["pose"])
                    ((losses * batch.weight).sum() / step.weight).backward()
                optimizer.step()
                cursor = stream.cursor(epoch, step.number + 1)          # < 300 bytes of JSON
    first_epoch, first_step = stream.resume(Cursor.from_json(saved))

For evaluation: `Batching(shuffle=False)`, `Filters(splits=("val",))`, always epoch 0.

The order is a pure function of index, filters, options, seed and epoch (`stream.plan`): a step is
a fixed list of micro-batches, whoever computes them. So the state of the loader is the number of
the step, and the numbers of ranks and of workers may change between two steps.
"""
