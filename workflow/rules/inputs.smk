# Input functions: which files a job reads, where wildcards alone do not say it.


def set_images(wildcards):
    """Image files of a set; none when all its images are packaged or generated."""
    return inputs.image_files(config, wildcards.set)


def reference_contents(wildcards):
    """Clean contents of a setting's references: their own, or with <setting>.same the bins', to see what contents decide."""
    contents = "bins" if wildcards.target.endswith(".same") else "references"
    return [f"results/images/{contents}/pixels.npy", f"results/images/{contents}/index.csv"]


def application_images(wildcards):
    """Image files of an application; none when all its images are packaged."""
    return inputs.listed_files(config, config["applications"][wildcards.application]["images"])


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


def draw_weights(wildcards):
    """Bin weights of a crafted draw; uniform and oracle draws need none."""
    if wildcards.draw in targets.PLAIN_DRAWS:
        return []
    return f"results/weights/{wildcards.target}/{wildcards.draw}.csv"


def trained_model(wildcards):
    """Model behind restored images: the uniform one is trained once, others may be of another target."""
    folder = targets.model(wildcards.backbone, wildcards.target, wildcards.draw, wildcards.seed)
    return f"results/models/{folder}/model.safetensors"


def metrics(models):
    """Metrics of tested models, ``<backbone>/<test>/<draw>/seed<k>``."""
    return [f"results/metrics/{model}.csv" for model in models]


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
    if wildcards.figure == "figure9":
        return [] if evidence["votes"] == "none" else [inputs.data_path(config, evidence["votes"])]
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


def figure_crops(wildcards):
    """Folder of the crops that a figure shows, if any."""
    return f"results/crops/{wildcards.figure}" if wildcards.figure in plans.IMAGES else []
