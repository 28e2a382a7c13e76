from edsym.models.nearest.features import radial


def fit(model, spots, labels, validation, threads, checkpoints):
    model.points, model.labels = radial(spots, model.settings["nearest"].bins), labels
    model.record = {"training_patterns": len(spots)}
