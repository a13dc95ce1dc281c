"""The tasks that networks are trained on, each a :class:`~receptive.tasks.dataset.Dataset`."""
