import numpy as np
from safetensors.numpy import load_file, save_file

from edsym.models.model import Model
from edsym.models.nearest.features import radial
from edsym.models.nearest.settings import NearestSettings
from edsym.symmetry import system_index


class Nearest(Model):
    kind, sections, weights = "nearest", {"nearest": NearestSettings}, "patterns.safetensors"
    together = True

    def predict_proba(self, spots, *, threads=None, progress=False):
        return self.answer(self.distances(spots))

    def predict_views(self, spots, start, *, threads=None, progress=False):
        return self.answer(np.add.reduceat(self.distances(spots), start))

    def distances(self, spots):
        X = radial(spots, self.settings["nearest"].bins)
        return ((X[:, None] - self.points) ** 2).sum(-1)

    def answer(self, distances):
        found = self.labels[distances.argmin(1)]
        return np.eye(7, dtype="f4")[system_index(found)], np.eye(230, dtype="f4")[found - 1]

    def write_weights(self, path):
        save_file({"points": self.points, "labels": self.labels}, path)

    def read_weights(self, path):
        vars(self).update(load_file(path))
