"""ModelBox in five minutes: train a classifier of handwritten digits, keep all there is to know about it, and read it back.

Run it with ``modelbox demo``, or with ``python examples/quickstart.py [STORE]``. It needs ``pip install 'modelbox-sdk[demo]'``.
"""

import sys
import tempfile
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import numpy as np
import plotext
from rich.console import Console
from rich.table import Table

import modelbox

Array = np.ndarray[Any, Any]

SEED, HIDDEN, EPOCHS, BATCH_SIZE, LEARNING_RATE, MOMENTUM = 7, 64, 12, 64, 0.2, 0.9

console = Console(highlight=False)


# -- What you would have without ModelBox: a network with one hidden layer, and its data.


class Network:
    """A network with one hidden layer, trained by stochastic gradient descent with momentum."""

    def __init__(self, weights: dict[str, Any]) -> None:
        self.weights = weights
        self.velocity = {name: np.zeros_like(array) for name, array in weights.items()}

    @classmethod
    def create(cls, rng: np.random.Generator) -> "Network":
        """A network that has learned nothing yet."""
        into_hidden, into_digits = rng.normal(0, 64**-0.5, (64, HIDDEN)), rng.normal(0, HIDDEN**-0.5, (HIDDEN, 10))
        return cls({"w1": into_hidden, "b1": np.zeros(HIDDEN), "w2": into_digits, "b2": np.zeros(10)})

    @classmethod
    def load(cls, path: Path) -> "Network":
        """A network from a file that :meth:`save` wrote."""
        with np.load(path) as arrays:
            return cls(dict(arrays))

    def save(self, path: Path) -> None:
        """Write the weights to a file."""
        np.savez(path, **self.weights)

    def forward(self, images: Array) -> tuple[Array, Array]:
        """The hidden layer, and the probability of each digit."""
        hidden = np.maximum(0, images @ self.weights["w1"] + self.weights["b1"])
        scores = hidden @ self.weights["w2"] + self.weights["b2"]
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        return hidden, scores / scores.sum(axis=1, keepdims=True)

    def evaluate(self, images: Array, digits: Array) -> dict[str, float]:
        """The cross-entropy and the accuracy."""
        return quality(self.forward(images)[1], digits)

    def train_step(self, images: Array, digits: Array) -> dict[str, float]:
        """Move the weights against the gradient of a batch; the loss and the accuracy before."""
        hidden, probabilities = self.forward(images)
        error = (probabilities - np.eye(10)[digits]) / len(digits)
        hidden_error = error @ self.weights["w2"].T * (hidden > 0)
        gradients = {
            "w1": images.T @ hidden_error,
            "b1": hidden_error.sum(axis=0),
            "w2": hidden.T @ error,
            "b2": error.sum(axis=0),
        }
        for name, gradient in gradients.items():
            self.velocity[name] = MOMENTUM * self.velocity[name] - LEARNING_RATE * gradient
            self.weights[name] += self.velocity[name]
        return quality(probabilities, digits)


def quality(probabilities: Array, digits: Array) -> dict[str, float]:
    """The cross-entropy of probabilities, and how often the most probable digit is the right one."""
    loss = -np.log(probabilities[np.arange(len(digits)), digits]).mean()
    return {"loss": loss, "accuracy": (probabilities.argmax(axis=1) == digits).mean()}


def load_data() -> dict[str, tuple[Array, Array]]:
    """1,797 images of 8 x 8 pixels with their digits, split at random: for training, for validation, and held out.

    scikit-learn ships them. Reading its file takes a moment, where importing scikit-learn for ``load_digits`` takes seconds.
    """
    table = np.loadtxt(str(distribution("scikit-learn").locate_file("sklearn/datasets/data/digits.csv.gz")), delimiter=",")
    images, digits = table[:, :64] / 16, table[:, 64].astype(int)
    parts = np.split(np.random.default_rng(SEED).permutation(len(digits)), [1200, 1500])
    return {name: (images[rows], digits[rows]) for name, rows in zip(("train", "validation", "held_out"), parts, strict=True)}


# -- The training, with everything about it kept in ModelBox.


def train(client: modelbox.ModelBoxClient, folder: Path) -> str:
    """Train the network, log how it goes, and publish it as a new version of a model; the experiment's id."""
    # The name says which experiment it is: a second run continues it. This one starts afresh, so it hides the points of the last.
    experiment = client.create_experiment("digits-mlp", framework="other", task="image-classification")
    if experiment.exists:
        experiment.rewind(-1)
    experiment.update_metadata(
        {"hidden": HIDDEN, "optimizer": {"name": "sgd", "lr": LEARNING_RATE, "momentum": MOMENTUM}, "seed": SEED}
    )

    data = load_data()
    for name in ("train", "validation"):
        np.savez(folder / f"{name}.npz", images=data[name][0], digits=data[name][1])
    dataset = experiment.upload_artifact("dataset", [folder / "train.npz", folder / "validation.npz"])

    rng = np.random.default_rng(SEED)
    network = Network.create(rng)
    images, digits = data["train"]
    step = 0
    with experiment:  # finished when the block ends; failed when an exception ends it
        for epoch in range(1, EPOCHS + 1):
            with experiment.span("epoch", epoch=epoch):
                order = rng.permutation(len(digits))
                for batch in (order[start : start + BATCH_SIZE] for start in range(0, len(order), BATCH_SIZE)):
                    step += 1
                    experiment.log_metrics(network.train_step(images[batch], digits[batch]), step=step)
                validation = {f"val_{name}": value for name, value in network.evaluate(*data["validation"]).items()}
                experiment.log_metrics(validation, step=step)
            if epoch % 4 == 0:
                checkpoint = folder / f"epoch-{epoch}.npz"
                network.save(checkpoint)
                experiment.upload_artifact("checkpoints", checkpoint)

    # A version remembers the experiment and the data that it came of. It becomes `prod` only when it is whole.
    model = client.create_model("digits", task="image-classification", description="Handwritten digits of 8 x 8 pixels")
    version = model.create_version(str(len(model.list_versions()) + 1), experiment=experiment, datasets=[dataset])
    network.save(folder / "weights.npz")
    version.upload_artifact("weights", folder / "weights.npz")
    version.log_metrics(validation)
    model.move_tag("prod", to=version)
    return experiment.id


# -- Reading it back. All of it comes from the store: another process, or another machine, would see the same.


def show_experiment(client: modelbox.ModelBoxClient, id: str) -> None:
    """The experiment, with its metadata, artifacts, metrics and events."""
    experiment = client.get_experiment(id)
    table = Table("", "", title=f"Experiment {experiment.name}", title_justify="left", show_header=False)
    table.add_row("id", experiment.id)
    table.add_row("owner, status", f"{experiment.owner}, {experiment.status}")
    table.add_row("metadata", "\n".join(f"{key}: {value}" for key, value in experiment.metadata().items()), end_section=True)
    for artifact in experiment.artifacts():
        table.add_row(artifact.name, "\n".join(f"{file.path} ({file.size:,} bytes)" for file in artifact.files))
    table.add_section()
    for key in ("loss", "accuracy", "val_loss", "val_accuracy"):
        values = experiment.metrics(key).to_dict()["value"]
        table.add_row(key, f"{values[0]:.3f} → {values[-1]:.3f}  ({len(values)} points)")
    epochs = [event.metadata["duration_s"] for event in experiment.events() if event.name == "epoch_finished"][-EPOCHS:]
    table.add_row("epochs", f"{len(epochs)}, {1000 * sum(epochs) / len(epochs):.1f} ms each")
    console.print(table)


def plot_loss(client: modelbox.ModelBoxClient, id: str) -> None:
    """The loss in training and in validation, drawn in the terminal."""
    plot = plotext.figure
    plot.clear()
    plot.theme("simple")
    plot_width = min(console.width, 100)
    plot.plot_size(plot_width, 18)
    plot.title("loss")
    plot.label("step")
    plot.legend(x=plot_width - 22)
    for key in ("loss", "val_loss"):
        points = client.get_experiment(id).metrics(key, max_points=400).to_dict()
        plot.draw(plot.signal(points["step"], points["value"], marker="braille").lines().label(key))
    print(plot.build().string(colorless=not console.is_terminal))


def use_model(client: modelbox.ModelBoxClient) -> None:
    """What an inference service does: load the version that holds a tag, and use it. Then, where it came from."""
    weights = client.load_model("digits", tag="prod", artifact="weights") / "weights.npz"
    result = Network.load(weights).evaluate(*load_data()["held_out"])
    version = client.get_model("digits").get_version(tag="prod")
    lineage = version.lineage()
    table = Table("", "", title=f"Model {version.name}, version {version.version}", title_justify="left", show_header=False)
    table.add_row("tags", ", ".join(version.unique_tags))
    table.add_row("on held-out images", f"loss {result['loss']:.3f}, accuracy {result['accuracy']:.1%}")
    table.add_row("came of", "\n".join(f"experiment {found.name}" for found in lineage.experiments))
    table.add_row("trained on", "\n".join(f"{file.path} {file.digest[:23]}…" for found in lineage.datasets for file in found.files))
    console.print(table)


def show_changes(client: modelbox.ModelBoxClient, count: int = 8) -> None:
    """The end of the feed of changes; ``client.watch()`` follows it live."""
    changes = client.changes()
    title = f"The last {count} of {len(changes)} changes"
    table = Table("seq", "time (UTC)", "action", "object", "name", "", title=title, title_justify="left")
    for change in changes[-count:]:
        tag = change.payload.get("tag")
        about = f"tag {tag['name']} to {tag['to']}" if tag else change.payload.get("status", change.payload.get("version", ""))
        table.add_row(str(change.seq), f"{change.at:%H:%M:%S}", change.action, change.object_type, change.payload["name"], about)
    console.print(table)


def run(uri: str | None = None, namespace: str = "default") -> None:
    """Train with one client, and read back with another."""
    console.print("Training a network to read handwritten digits, logged with ModelBox ...\n")
    with modelbox.ModelBoxClient(uri, namespace=namespace) as client, tempfile.TemporaryDirectory() as folder:
        experiment_id = train(client, Path(folder))
    with modelbox.ModelBoxClient(uri, namespace=namespace) as client:
        show_experiment(client, experiment_id)
        plot_loss(client, experiment_id)
        use_model(client)
        show_changes(client)


if __name__ == "__main__":
    run(*sys.argv[1:2])
