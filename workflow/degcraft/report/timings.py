"""How long the jobs behind a page took, from the engine's benchmark files."""

from collections.abc import Collection, Mapping

import pandas as pd

# Jobs in the order of the work, in words; others follow under their own names.
_JOBS = {
    "prepare_application": "Choosing windows and reference crops",
    "prepare_truth": "Cutting the truth",
    "prepare_images": "Preparing photographs",
    "synthesize_bins": "Degrading photographs for the bank",
    "synthesize_samples": "Degrading photographs for the bank",
    "pretrain_extractor": "Training the extractor",
    "extract_features_bank": "Features of the bank",
    "extract_features_references": "Features of the references",
    "fit_posterior": "Learning what traces say",
    "bin_distances": "Distances to the bins",
    "choose_alpha": "Choosing alpha",
    "bin_weights": "Estimating the degradation",
    "train_model": "Training a network",
    "restore_images": "Restoring the windows",
    "restore_application": "Restoring everything",
    "evaluate_model": "Comparing with the truth",
    "check_application": "Checking without truth",
    "export_model": "Exporting the model",
}
_WHOLE = ("synthesize_bins", "synthesize_samples")  # jobs without further names that every application needs
_OWN = "report_application"


def behind(parts: tuple[str, ...], known: Collection[str]) -> bool:
    """True for the benchmark file of a job that led to a page.

    Parameters
    ----------
    parts : tuple of str
        Its path below the folder of benchmarks, without the suffix: the rule, and what the job was for.
    known : collection of str
        Names of the application, its draws and so on; a job for anything else is another's.

    Examples
    --------
    >>> behind(("bin_weights", "film", "traces.refined"), {"film", "traces.refined"})
    True
    >>> behind(("bin_weights", "coins", "traces.refined"), {"film", "traces.refined"}), behind(("table2",), {"film"})
    (False, False)
    """
    job, *names = parts
    return job != _OWN and (set(names) <= set(known) if names else job in _WHOLE)


def timing_table(seconds: Mapping[tuple[str, ...], float], common: Collection[str]) -> pd.DataFrame:
    """Jobs in the order of the work, with their seconds.

    Parameters
    ----------
    seconds : mapping from tuple of str to float
        By the path of the benchmark file; see `behind`.
    common : collection of str
        Names that every job of the page shares and that need not be said.

    Returns
    -------
    DataFrame
        job, of (what it was for), seconds.
    """
    order = list(_JOBS)
    places = sorted(seconds, key=lambda parts: (order.index(parts[0]) if parts[0] in order else len(order), parts))
    lines = [
        {
            "job": _JOBS.get(parts[0], parts[0].replace("_", " ").capitalize()),
            "of": ", ".join(name for name in parts[1:] if name not in common),
            "seconds": seconds[parts],
        }
        for parts in places
    ]
    return pd.DataFrame(lines, columns=["job", "of", "seconds"])
