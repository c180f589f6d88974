"""affekt export."""

from pathlib import Path

from affekt.cli.output import Output, OutputOptions

__all__ = ["export"]


def export(
    model: Path,
    /,
    *,
    out: Path | None = None,
    output: Output = OutputOptions(),  # noqa: B008 (frozen)
) -> int:
    """Write a model as an .onnx file, which predicts without torch.

    The file takes waveforms and lengths and gives logits, probabilities and attributes, of a ranker scores too; its
    metadata name them. It is compared with the model on batches of several sizes and lengths, and refused if a score
    differs by more than 1e-4. A model that reads text cannot be exported.

    Args:
        model: Model directory.
        out: File to write; it must not exist. If not given, export/model.onnx in the model directory.
        output: How to show the result.
    """
    from affekt.files import check_new_file
    from affekt.models import EmotionModel
    from affekt.models.onnx_export import export_onnx
    from affekt.prediction.scorer import EXPORTED

    path = check_new_file(model / EXPORTED if out is None else out)
    loaded = EmotionModel.from_pretrained(model)
    report = export_onnx(loaded, path)
    lines = [
        f"file        {report.path}",
        f"size        {report.size / 2**20:.1f} MiB",
        "inputs      waveforms (batch, samples) float32, lengths (batch) int64",
        f"outputs     {', '.join(report.outputs)}",
        f"clips       {report.minimum_samples} samples"
        + (" or more" if report.maximum_samples is None else f" to {report.maximum_samples}"),
        f"difference  {report.largest_difference:.1e} at most, over {report.compared_clips} clips",
    ]
    output.show(report.to_json(), lines)
    return 0
