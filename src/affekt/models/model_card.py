"""The model card: the README.md inside a model directory."""

from typing import Any

__all__ = ["model_card"]


def model_card(config: dict[str, Any], *, parameters: int) -> str:
    """Markdown that says what a model is, what it was trained on and what was deleted from it.

    Args:
        config: the content of config.json.
        parameters: how many numbers the model holds.
    """
    history = list(config["history"])
    training: dict[str, Any] = next((entry for entry in history if entry.get("event") == "training"), {})
    deletions = [entry for entry in history if entry.get("event") == "deletion"]
    lines = [
        f"# A speech-emotion model of the family {config['family']}",
        "",
        f"- Classes: {', '.join(config['classes'])}{_of(config)}",
        *([f"- Intents: {', '.join(config['intents'])}"] if config.get("intents") else []),
        f"- Input: mono waveforms at {config['sample_rate']} Hz, any length; output: one logit a class",
        f"- Parameters: {parameters:,}",
        *_encoder(config["options"]),
        f"- Written by affekt {config['affekt_version']}, model format {config['format_version']}",
    ]
    if training:
        lines += [
            f"- Trained on: {training.get('corpus', 'unknown')} ({training.get('utterances', '?')} utterances, "
            f"{training.get('speakers', '?')} speakers), seed {training.get('seed', '?')}"
            + (f", method `{training['method']}`" if "method" in training else ""),
            f"- Licence of the recordings: {training.get('licence') or 'not stated'}",
        ]
        if training.get("synthetic"):
            lines.append("- **The training speech is synthetic.** Do not use this model on people.")
        if "dev_uar" in training:
            lines.append(
                f"- UAR on held-out speakers used for early stopping: {training['dev_uar']:.3f} "
                f"(chance {1 / len(config['classes']):.3f}); an optimistic figure, see `affekt evaluate`"
            )
    lines += ["", "## Deletions applied", ""]
    lines += [
        f"{number}. {entry.get('utterances', '?')} utterances, method `{entry.get('method', '?')}`, "
        f"stopped because: {entry.get('stopped', '?')}"
        for number, entry in enumerate(deletions, 1)
    ] or ["None."]
    lines += [
        "",
        "## Limits",
        "",
        "Emotion as acted or perceived is not what a person feels. In the European Union the use of emotion "
        "recognition at work and in education is prohibited with few exceptions, and most other uses are high-risk.",
        "",
    ]
    return "\n".join(lines)


def _of(config: dict[str, Any]) -> str:
    """What the classes are of, where it is not emotions."""
    if config.get("label", "emotion") == "emotion":
        return ""
    edges = ", ".join(f"{edge:g}" for edge in config.get("edges", ()))
    return f" (of {config['label']}" + (f", divided at {edges})" if edges else ")")


def _encoder(options: dict[str, Any]) -> list[str]:
    """What a model with a pretrained encoder has to say about it."""
    shape = options.get("architecture")
    if not shape:
        return []
    trained = {
        "all": "trained whole",
        "last": f"the last {options.get('train_layers', 2)} layers trained",
        "lora": "low-rank adapters trained",
    }.get(options.get("train", "head"), "frozen")
    digest = str(options.get("source_sha256", ""))
    return [
        f"- Pretrained encoder: `{options.get('encoder') or 'none (fresh weights)'}` ({shape['model_type']}, "
        f"{trained}), its weights are part of this model",
        *([f"- SHA-256 of the encoder's weight files: `{digest}`"] if digest else []),
        "- The encoder learned from other recordings, which affekt knows nothing of and cannot forget.",
    ]
