"""What the last layer of a model reads, and the stage that trains everything below it, aligned with the texts.

Stage 1 of mutual-information augmentation: a classifier's loss and InfoNCE between what the last layer reads and the
text features of the same utterances, each through a linear map of its own into one space.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from affekt.errors import ConfigError
from affekt.losses import class_weights, cross_entropy
from affekt.losses.information import info_nce
from affekt.models import EmotionModel
from affekt.training import FeatureStore, TrainConfig, length_batches
from affekt.types import FloatArray, IntArray

__all__ = ["align", "last_layer", "last_layer_dropout", "layer_inputs", "learns_below"]


def last_layer(model: EmotionModel) -> nn.Linear:
    """The linear map that gives the outputs.

    Raises:
        ConfigError: the model's head is solved and not learned, or does not end in a linear map.
    """
    head = getattr(model.network, "head", None)
    layer = head[-1] if isinstance(head, nn.Sequential) else head
    if not isinstance(layer, nn.Linear) or not layer.weight.requires_grad or layer.weight.dtype != torch.float32:
        raise ConfigError(
            f"the family {model.config.family} does not end in a linear layer that is learned; one that does was "
            "expected; choose encoder or logmel-cnn."
        )
    return layer


def last_layer_dropout(model: EmotionModel) -> float:
    """The dropout right before :func:`last_layer`; 0 if there is none."""
    head = getattr(model.network, "head", None)
    before = head[-2] if isinstance(head, nn.Sequential) and len(head) > 1 else None
    return float(before.p) if isinstance(before, nn.Dropout) else 0.0


def learns_below(model: EmotionModel, *, drawn: bool = False) -> bool:
    """Whether anything below the last layer is learned; with ``drawn``, anything whose weights start at random."""
    last = {id(parameter) for parameter in last_layer(model).parameters()}
    below = [
        name for name, parameter in model.named_parameters() if parameter.requires_grad and id(parameter) not in last
    ]
    return any(not (drawn and name.startswith(("network.encoder.", "network.mix."))) for name in below)


def layer_inputs(model: EmotionModel, store: FeatureStore, rows: IntArray, *, batch_size: int = 64) -> FloatArray:
    """What the last layer reads of some rows, without dropout: (N, D) float32."""
    was_training = model.training
    model.eval()
    found = np.empty((len(rows), last_layer(model).in_features), np.float32)
    lengths = [store.length(int(row)) for row in rows]
    with torch.no_grad():
        for batch in length_batches(lengths, batch_size=batch_size):
            features, counts = store.batch(rows[batch])
            found[batch] = _read(model, features, counts)[0].cpu().numpy()
    model.train(was_training)
    return found


def align(
    model: EmotionModel,
    store: FeatureStore,
    labels: IntArray,
    rows: IntArray,
    texts: FloatArray | None,
    *,
    config: TrainConfig,
    epochs: int,
    weight: float,
    temperature: float,
    seed: int,
) -> list[dict[str, float]]:
    """Train everything below the last layer; the last layer itself is given its old weights back.

    Args:
        model: its learned part is trained in place. The global random state is left as it was.
        store: front-end features.
        labels: of every row of the store, (N,).
        rows: what to train on, (R,).
        texts: text features of these rows, (R, E); None: the classifier's loss alone.
        config: batch size, learning rate and the rest of the recipe.
        epochs: passes over the rows.
        weight: of InfoNCE, lambda_al.
        temperature: that cosine similarities are divided by.
        seed: everything random flows from it.

    Returns:
        Mean losses of each epoch: ``cross_entropy`` and, with texts, ``info_nce``.
    """
    layer = last_layer(model)
    first = {name: tensor.clone() for name, tensor in layer.state_dict().items()}
    device = layer.weight.device
    weights = class_weights(labels[rows], layer.out_features).to(device) if config.class_weights else None
    lengths = [store.length(int(row)) for row in rows]
    told = None if texts is None else torch.as_tensor(texts, device=device)
    history: list[dict[str, float]] = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        maps = nn.ModuleList()
        if told is not None:
            width = min(64, layer.in_features)
            maps = nn.ModuleList([nn.Linear(layer.in_features, width), nn.Linear(told.shape[1], width)]).to(device)
        learned = [parameter for parameter in [*model.parameters(), *maps.parameters()] if parameter.requires_grad]
        optimizer = torch.optim.AdamW(learned, lr=config.learning_rate, weight_decay=config.weight_decay)
        model.train()
        for epoch in range(epochs):
            generator = np.random.default_rng([seed, 41, epoch])
            sums = {"cross_entropy": 0.0} | ({"info_nce": 0.0} if told is not None else {})
            for batch in length_batches(lengths, batch_size=config.batch_size, generator=generator):
                items = [store.draw(int(rows[i]), generator) for i in batch]
                counts = torch.tensor([len(item) for item in items], device=device)
                features = nn.utils.rnn.pad_sequence(items, batch_first=True).to(device)
                read, logits = _read(model, features, counts)
                expected = torch.as_tensor(labels[rows[batch]], device=device)
                loss = cross_entropy(logits, expected, weights=weights, label_smoothing=config.label_smoothing)
                sums["cross_entropy"] += float(loss.detach()) * len(batch)
                if told is not None:
                    audio, text = (
                        nn.functional.normalize(each(values), dim=1)
                        for each, values in zip(maps, (read, told[torch.as_tensor(batch, device=device)]), strict=True)
                    )
                    contrast = info_nce(audio @ text.T / temperature)
                    sums["info_nce"] += float(contrast.detach()) * len(batch)
                    loss = loss + weight * contrast
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(learned, config.gradient_clip)
                optimizer.step()
            history.append({name: value / len(rows) for name, value in sums.items()})
    layer.load_state_dict(first)
    for parameter in learned:
        parameter.grad = None
    model.eval()
    return history


def _read(model: EmotionModel, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """What the last layer reads, (B, D), and the logits, (B, K)."""
    seen: list[Tensor] = []

    def note(_: nn.Module, inputs: Sequence[Tensor]) -> None:
        seen.append(inputs[0])

    handle = last_layer(model).register_forward_pre_hook(note)
    try:
        logits = model.classify(features, lengths)
    finally:
        handle.remove()
    return seen[-1], logits
