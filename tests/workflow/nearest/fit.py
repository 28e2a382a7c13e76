from edsym.detector.detect import detect
from edsym.models.nearest.features import radial


def fit(model, spots, labels, validation, threads, checkpoints):
    shown = detect(spots, model.detector)
    model.points, model.labels = radial(shown, model.settings["nearest"].bins), labels
    model.record = {"training_patterns": len(spots)}
