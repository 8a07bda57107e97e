# Input functions: which files a job reads, where wildcards alone do not say it.


def set_images(wildcards):
    """Image files of a set; none when all its images are packaged or generated."""
    return inputs.image_files(config, wildcards.set)


def reference_contents(wildcards):
    """Clean contents of a setting's references: their own, or with <setting>.same the bins', to see what contents decide."""
    contents = "bins" if wildcards.target.endswith(".same") else "references"
    return [f"results/images/{contents}/pixels.npy", f"results/images/{contents}/index.csv"]


def repeat_bank_contents(wildcards):
    """Clean contents of a repeat's bins; a role has its references made from the other set."""
    return set_pack(repeats.contents(wildcards.repeat, references=False))


def repeat_reference_contents(wildcards):
    """Clean contents of a repeat's references."""
    return set_pack(repeats.contents(wildcards.repeat, references=True))


def set_pack(name):
    """Files of a prepared image set."""
    return [f"results/images/{name}/pixels.npy", f"results/images/{name}/index.csv"]


def application_images(wildcards):
    """Image and video files of an application; none when all its images are packaged."""
    return inputs.application_files(config, wildcards.application)


def application_crops(wildcards):
    """The user's own reference crops of an application, if there are any."""
    options = config["applications"][wildcards.application].get("references", {})
    return inputs.listed_files(config, options.get("crops", []))


def application_truth(wildcards):
    """HR images of an application's scenes, if it has any."""
    return inputs.listed_files(config, config["applications"][wildcards.application].get("truth", []))


def evaluation_truth(wildcards):
    """Originals of a target: the HR test images, or an application's own truth."""
    if wildcards.target in config["applications"]:
        return f"results/degraded/truth/{wildcards.target}"
    return ["results/images/test/pixels.npy", "results/images/test/index.csv"]


def pretraining_images(wildcards):
    """HR training images, for extractors that learn from them."""
    if "textures" in config["extractors"][wildcards.extractor]:
        return []
    return ["results/images/train/pixels.npy", "results/images/train/index.csv"]


def texture_folder(wildcards):
    """Folder of textures that an extractor is trained on, "" if its kind needs none."""
    options = config["extractors"][wildcards.extractor]
    return inputs.data_path(config, options["textures"]) if "textures" in options else ""


def textures(wildcards):
    """The same as input, if it is there: a dry run may count jobs before, and the job itself says what is missing."""
    folder = texture_folder(wildcards)
    return [folder] if folder and wildcards.extractor not in ABSENT else []


def extractor_weights(wildcards):
    """Weights file of an extractor, if its kind has one."""
    options = config["extractors"][wildcards.extractor]
    if options.get("weights") == "trained":
        return f"results/pretrained/{wildcards.extractor}/model.safetensors"
    return weights_path(options)


def weights_path(options):
    """Where the weights of an extractor or of LPIPS lie, as a list for `input`."""
    path = published.weights_file(options)
    return [inputs.data_path(config, path)] if path else []


def lpips_weights(wildcards):
    """Backbone weights of LPIPS, if the metric is wanted and they are given."""
    evaluate = config["evaluate"]
    if "lpips" not in evaluate["metrics"]:
        return []
    return weights_path(evaluate["lpips"])


def weights_inputs(wildcards):
    """What a weighting works on, by the name of the stage's option."""
    place = f"{wildcards.target}/{wildcards.extractor}"
    weighting = parse_weighting(wildcards.weighting)["kind"]
    if weighting == "frechet":
        return {"distances": f"results/distances/{place}.csv"}
    if weighting == "frechet-auto":
        return {
            "distances": f"results/distances/{place}.csv",
            "alphas": f"results/alphas/{wildcards.extractor}/bins.csv",
        }
    bank = "samples" if weighting == SECOND_ORDER else "bins"
    return {
        "posterior": f"results/posteriors/{wildcards.extractor}/{bank}.npz",
        "references": f"results/features/{wildcards.extractor}/references-{wildcards.target}.npz",
    }


def draw_weights(wildcards):
    """Bin weights of a crafted draw; uniform and oracle draws need none."""
    if wildcards.draw in targets.PLAIN_DRAWS:
        return []
    return f"results/weights/{wildcards.target}/{wildcards.draw}.csv"


def initial_model(wildcards):
    """Model that a crafted one is trained on from (train.init)."""
    draw = initial_draw(config, wildcards.draw)
    if not draw:
        return []
    folder = targets.model(wildcards.backbone, wildcards.target, draw, wildcards.seed)
    return f"results/models/{folder}/model.safetensors"


def trained_model(wildcards):
    """Model behind restored images: the uniform one is trained once, others may be of another target."""
    folder = targets.model(wildcards.backbone, wildcards.target, wildcards.draw, wildcards.seed)
    return f"results/models/{folder}/model.safetensors"


def exported_metrics(wildcards):
    """Metrics of a model on the target that it was trained for, where that has truth."""
    if wildcards.target not in targets.measured(config):
        return []
    return f"results/metrics/{wildcards.backbone}/{wildcards.target}/{wildcards.draw}/seed{wildcards.seed}.csv"


def reported_model(wildcards):
    """Model that the report of an application is about, and that restores its own files."""
    crafted, *_ = plans.report_models(config, wildcards.application)
    return f"results/models/{targets.trained(crafted)}/model.safetensors"


def method_references(wildcards):
    """References of the target of a compared method that learns from them."""
    return [] if wildcards.target == targets.ANY else f"results/degraded/references/{wildcards.target}.npz"


def perceptual_weights(wildcards):
    """Weights file of the perceptual loss of a compared method, if it has one."""
    extractor = config["methods"][wildcards.backbone].get("perceptual", "none")
    return [] if extractor == "none" else weights_path(config["extractors"][extractor])


def published_checkpoint(wildcards):
    """Published weights of a compared method."""
    return inputs.data_path(config, config["methods"][wildcards.backbone]["checkpoint"])


def metrics(models):
    """Metrics of tested models, ``<backbone>/<test>/<draw>/seed<k>``."""
    return [f"results/metrics/{model}.csv" for model in models]


def fitted_weights(wildcards):
    """Weights that come with a verdict on the fit, of every target."""
    return [f"results/weights/{name}.csv" for name in targets.fitted(config)]


def estimation_tables(wildcards):
    """Measurements of all repeats of all extractors that can be computed here."""
    return [f"results/estimation/{name}.csv" for name in repeats.tables(config, ABSENT)]


def table_metrics(wildcards):
    """Metrics of every model that Table 2 shows."""
    return metrics(targets.table_models(config))


def evidence_inputs(wildcards):
    """Result files behind a figure's table."""
    evidence = config["evidence"]
    if wildcards.figure == "figure3":
        extractors = [name for name in evidence["extractors"] if name not in ABSENT]
        return [f"results/features/{name}/stability-{evidence['setting']}.npz" for name in extractors]
    if wildcards.figure == "figure4":
        return [f"results/weights/{name}.csv" for name in plans.map_weights(config, ABSENT)]
    if wildcards.figure == "figure5":
        return metrics(plans.alpha_models(config, ABSENT))
    if wildcards.figure == "figure14":
        return metrics(plans.front_models(config, ABSENT))
    if wildcards.figure == "figure15":
        extractors = [name for name in config["estimation"]["extractors"] if name not in ABSENT]
        measured = [f"results/estimation/{name}/second-order.csv" for name in extractors[:1]]
        return ["results/images/bins/index.csv", *measured]
    if wildcards.figure == "figure17":
        return ["results/estimation.csv"]
    if wildcards.figure == "figure9":
        return plans.vote_files(config)
    return metrics(plans.blur_models(config))


def image_inputs(wildcards):
    """LR images and restored images of a figure of crops, and their metrics where there is truth."""
    target = config["evidence"]["images"][wildcards.figure]["target"]
    models = plans.image_models(config, wildcards.figure, ABSENT)
    measured = metrics(models) if target in config["settings"] else []
    return [f"results/degraded/test/{target}", *(f"results/restored/{model}" for model in models), *measured]


def image_truth(wildcards):
    """HR test images behind a figure of crops; an application has none."""
    if config["evidence"]["images"][wildcards.figure]["target"] in config["applications"]:
        return []
    return ["results/images/test/pixels.npy", "results/images/test/index.csv"]


def lookalike_weights(wildcards):
    """Weights that contents are degraded from beside real references; none where their extractor cannot be computed."""
    return [f"results/weights/{name}.csv" for name in plans.lookalike_weights(config, ABSENT)]


def figure_crops(wildcards):
    """Folder of the crops that a figure shows, if any."""
    return f"results/crops/{wildcards.figure}" if wildcards.figure in (*plans.IMAGES, plans.LOOKALIKES) else []


def reported_weights(wildcards):
    """Table of the distribution that an application's page is about."""
    return f"results/weights/{wildcards.application}/{config['report']['draw']}.csv"


def reported_windows(wildcards):
    """Restored windows of an application, in the order of the draws of its page."""
    return [f"results/restored/{model}" for model in plans.report_models(config, wildcards.application)]


def report_truth(wildcards):
    """Truth of an application, if it has any, and the metrics that were measured against it."""
    if wildcards.application not in targets.measured(config):
        return {}
    return {
        "truth": f"results/degraded/truth/{wildcards.application}",
        "metrics": metrics(plans.report_models(config, wildcards.application)),
    }


def report_estimator(wildcards):
    """What tells one kind of material from two, and gives error bars; the paper's weighting has no such thing."""
    extractor, _, weighting = config["report"]["draw"].partition(".")
    kind = parse_weighting(weighting)["kind"]
    if kind.startswith("frechet"):
        return {}
    bank = "samples" if kind == SECOND_ORDER else "bins"
    return {
        "posterior": f"results/posteriors/{extractor}/{bank}.npz",
        "features": f"results/features/{extractor}/references-{wildcards.application}.npz",
    }


def report_results(wildcards):
    """Loss curves of the models of the page, the crafted one first, and that one for other programs."""
    folders = [targets.trained(model) for model in plans.report_models(config, wildcards.application)]
    return {
        "losses": [f"results/models/{folder}/loss.csv" for folder in folders],
        "exported": f"results/exported/{folders[0]}",
    }


def table_losses(wildcards):
    """Loss curves of the models of Table 2; published weights and methods that learn image by image have none."""
    trained = dict.fromkeys(targets.trained(model) for model in targets.table_models(config))
    untrained = (compared.PUBLISHED, compared.IMAGE)
    return [f"results/models/{model}/loss.csv" for model in trained if model.split("/")[2] not in untrained]


def readable_table(wildcards):
    """A table in the form that reads best."""
    return f"results/{wildcards.table}.{'csv' if wildcards.table in ('table1', 'fits') else 'md'}"


def reported_results(wildcards):
    """All that the report shows, but for where the time went."""
    return [
        *(f"results/pages/{name}.html" for name in captions.TABLES),
        *(f"results/{name}.{suffix}" for name in (*plans.FIGURES, captions.LOSSES) for suffix in ("pdf", "png")),
        *(f"results/applications/{name}/report.html" for name in config["applications"]),
    ]
