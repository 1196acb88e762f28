"""An autoencoder whose codes are made to look like a Gaussian, as in MCIHN."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

import keras
from keras import ops

from keras_mer._types import Config, Shape, Tensor
from keras_mer.layers._masking import masked_mean, presence, zero_masked
from keras_mer.layers._weighted import WeightedLayer, built

GENERATORS = ("reversal", "non_saturating", "alternating")


@keras.saving.register_keras_serializable(package="keras_mer")
class AdversarialAutoencoder(WeightedLayer):
    """Encodes a sequence into one vector that a discriminator takes for a Gaussian draw.

        S = LayerNorm(W_2 ReLU(W_1 X)),  X^ = V_2 ReLU(V_1 S),  s = mean of S over real steps
        L_rec  = mean over real steps and features of (X - X^)^2
        L_disc = - mean log D(z) - mean log(1 - D(s)),  z ~ N(0, I)

    While training the layer adds its losses itself, all in one step of the optimizer: the
    reconstruction, the discriminator's loss, which moves the discriminator alone, and the
    encoder's, which moves the encoder alone. With `generator="reversal"` the encoder gets
    the discriminator's gradient turned around; with `"non_saturating"` it minimises
    - mean log D(s). A clip whose steps are all masked has the code 0 and adds no loss.

    With `"alternating"` the two take turns from batch to batch, the discriminator first, so
    that each answers what the other has become, as in Makhzani's order, within plain `fit`.
    Who waits gets gradients of zero; the momentum of an optimizer such as Adam moves it on.

    Args:
        latent_dim: width of the codes.
        hidden_units: width between the two maps of the encoder and of the decoder.
        discriminator_units: widths of the discriminator's hidden layers, which end in
            leaky ReLUs of slope 0.2.
        reconstruction_weight: weight of L_rec; with 0 there is no decoder.
        discriminator_weight: weight of L_disc; with 0 there is no discriminator.
        generator_weight: weight of the encoder's answer to it.
        generator: `"reversal"`, `"non_saturating"` or `"alternating"`.
        epsilon: the epsilon of the layer normalisation.
        seed: seed of the draws from the Gaussian.
        **kwargs: initializers, regularizers and constraints of kernels and biases, named
            as in `keras.layers.Dense`, and the arguments of every Keras layer.

    Call arguments:
        sequence: (batch, time, dim) float.
        mask: (batch, time) bool, True at a real step; `None` means that all are real.
        training: whether to add the losses. A layer that is not trainable adds none.

    Output:
        (batch, latent_dim), the codes s.

    Raises:
        ValueError: if a weight is negative, the encoder shall fool a discriminator without
            a weight, or the generator is none of the three.

    Example:

    >>> import numpy as np
    >>> layer = AdversarialAutoencoder(latent_dim=4, hidden_units=8)
    >>> code = layer(np.ones((2, 5, 6), "float32"), training=True)
    >>> tuple(code.shape), len(layer.losses)
    ((2, 4), 2)

    Reference:
        Makhzani et al., Adversarial autoencoders, 2015; gradient reversal, Ganin and
        Lempitsky, ICML 2015. MCIHN, arXiv 2510.24827, names an adversarial autoencoder
        per modality in its abstract; sizes, weights and equations are a reading of it.
    """

    def __init__(
        self,
        latent_dim: int = 128,
        hidden_units: int = 256,
        discriminator_units: Sequence[int] = (128, 64),
        reconstruction_weight: float = 0.1,
        discriminator_weight: float = 1.0,
        generator_weight: float = 0.05,
        generator: Literal["reversal", "non_saturating", "alternating"] = "reversal",
        epsilon: float = 1e-5,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if min(reconstruction_weight, discriminator_weight, generator_weight) < 0:
            raise ValueError(
                "AdversarialAutoencoder needs weights of its losses of 0 or more; received "
                f"reconstruction_weight={reconstruction_weight}, discriminator_weight="
                f"{discriminator_weight}, generator_weight={generator_weight}"
            )
        if generator_weight and not discriminator_weight:
            raise ValueError(
                "AdversarialAutoencoder cannot fool a discriminator that does not learn; received "
                f"generator_weight={generator_weight}, discriminator_weight=0"
            )
        if generator not in GENERATORS:
            raise ValueError(
                f"AdversarialAutoencoder knows the generators {GENERATORS}; received {generator!r}"
            )
        self.latent_dim = latent_dim
        self.hidden_units = hidden_units
        self.discriminator_units = list(discriminator_units)
        self.reconstruction_weight = reconstruction_weight
        self.discriminator_weight = discriminator_weight
        self.generator_weight = generator_weight
        self.generator = generator
        self.epsilon = epsilon
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Shape) -> None:
        """Builds encoder, decoder and discriminator for (batch, time, dim)."""
        hidden = (None, None, self.hidden_units)
        latent = (None, None, self.latent_dim)
        self.encoder = [
            self.built_dense("encoder_0", self.hidden_units, input_shape, activation="relu"),
            self.built_dense("encoder_1", self.latent_dim, hidden),
        ]
        norm = keras.layers.LayerNormalization(epsilon=self.epsilon, dtype=self.dtype_policy)
        self.norm = built(norm, latent)
        self.decoder = []
        if self.reconstruction_weight:
            self.decoder = [
                self.built_dense("decoder_0", self.hidden_units, latent, activation="relu"),
                self.built_dense("decoder_1", input_shape[-1], hidden),
            ]
        widths = [self.latent_dim, *self.discriminator_units, 1]
        self.discriminator = []
        if self.discriminator_weight:
            self.discriminator = [
                self.built_dense(f"discriminator_{i}", units, (None, width))
                for i, (width, units) in enumerate(pairwise(widths))
            ]
        if self.generator == "alternating":
            self.turn = self.add_weight(
                (), "zeros", dtype="float32", autocast=False, trainable=False, name="turn"
            )
        self.built = True

    def call(self, sequence: Tensor, mask: Tensor | None = None, training: bool = False) -> Tensor:
        """Returns the codes; see the class."""
        sequence = zero_masked(sequence, mask)
        codes = self.encode(sequence)
        code = masked_mean(codes, mask)
        if training and self.trainable:
            present = ops.ones_like(code[:, 0], "bool") if mask is None else presence(mask)
            if self.reconstruction_weight:
                loss = self.reconstruction_loss(sequence, codes, mask, present)
                self.add_loss(self.reconstruction_weight * loss)
            if self.discriminator_weight:
                self.add_loss(self.adversarial_loss(code, present))
        return code

    def encode(self, sequence: Tensor) -> Tensor:
        """The code of every step.

        Args:
            sequence: (batch, time, dim) float.

        Returns:
            (batch, time, latent_dim).
        """
        return self.norm(_through(self.encoder, sequence))

    def decode(self, codes: Tensor) -> Tensor:
        """What the codes stand for.

        Args:
            codes: (..., latent_dim) float.

        Returns:
            (..., dim).

        Raises:
            ValueError: if the layer has no decoder, for want of a reconstruction_weight.
        """
        if not self.decoder:
            raise ValueError(
                f"{self.name} has no decoder: it was made with reconstruction_weight=0"
            )
        return _through(self.decoder, codes)

    def discriminate(self, code: Tensor, frozen: bool = False) -> Tensor:
        """The logit of a code's being a draw from the Gaussian.

        Args:
            code: (batch, latent_dim) float.
            frozen: whether no gradient may reach the discriminator's weights.

        Returns:
            (batch,) float32.
        """
        *hidden, last = self.discriminator
        for layer in hidden:
            code = ops.leaky_relu(_map(layer, code, frozen), negative_slope=0.2)
        return ops.cast(_map(last, code, frozen)[:, 0], "float32")

    def reconstruction_loss(
        self, sequence: Tensor, codes: Tensor, mask: Tensor | None, present: Tensor
    ) -> Tensor:
        """L_rec, the mean over the clips that are present of each one's mean."""
        # In float32, and with no gradient to a target that other layers might shrink.
        target = ops.stop_gradient(ops.cast(sequence, "float32"))
        error = ops.square(target - ops.cast(self.decode(codes), "float32"))
        return _mean_of(ops.mean(masked_mean(error, mask), axis=-1), present)

    def adversarial_loss(self, code: Tensor, present: Tensor) -> Tensor:
        """L_disc for the discriminator and the encoder's answer to it, weighted."""
        prior = keras.random.normal(ops.shape(code), dtype="float32", seed=self.seed_generator)
        if self.generator == "reversal":
            seen = _reversed(code, self.generator_weight / self.discriminator_weight)
        else:
            seen = ops.stop_gradient(code)
        logits = self.discriminate(ops.concatenate([ops.cast(prior, code.dtype), seen], axis=0))
        drawn, held = ops.split(logits, 2)
        # -log D and -log(1 - D) of a logit are softplus of -logit and of the logit.
        loss = _mean_of(ops.softplus(-drawn) + ops.softplus(held), present)
        loss = self.discriminator_weight * loss
        if self.generator == "reversal" or not self.generator_weight:
            return loss
        fooled = ops.softplus(-self.discriminate(code, frozen=True))
        answer = self.generator_weight * _mean_of(fooled, present)
        if self.generator == "non_saturating":
            return loss + answer
        waits = 1 - self.turn  # a value of its own, which the assignment leaves alone
        total = waits * loss + (1 - waits) * answer
        self.turn.assign(waits)
        return total

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(batch, latent_dim)."""
        return (input_shape[0], self.latent_dim)

    def compute_mask(self, sequence: Tensor, mask: Tensor | None = None) -> None:
        """None is left: the steps are gone."""

    def get_config(self) -> Config:
        """The constructor's arguments."""
        return {
            **super().get_config(),
            "latent_dim": self.latent_dim,
            "hidden_units": self.hidden_units,
            "discriminator_units": self.discriminator_units,
            "reconstruction_weight": self.reconstruction_weight,
            "discriminator_weight": self.discriminator_weight,
            "generator_weight": self.generator_weight,
            "generator": self.generator,
            "epsilon": self.epsilon,
            "seed": self.seed,
        }


def _through(layers: list[Any], x: Tensor) -> Tensor:
    for layer in layers:
        x = layer(x)
    return x


def _map(dense: Any, x: Tensor, frozen: bool) -> Tensor:
    """`dense(x)`, through which a gradient reaches x alone if it is frozen."""
    if not frozen:
        return dense(x)
    kernel, bias = (ops.cast(ops.stop_gradient(w), x.dtype) for w in (dense.kernel, dense.bias))
    return ops.matmul(x, kernel) + bias


def _reversed(x: Tensor, weight: float) -> Tensor:
    """`x`, whose gradient is turned around and multiplied by `weight`."""
    return ops.stop_gradient((1 + weight) * x) - weight * x


def _mean_of(losses: Tensor, present: Tensor) -> Tensor:
    """The mean of `losses` (batch,) over the clips that are present; 0 without any."""
    weights = ops.cast(present, losses.dtype)
    return ops.sum(losses * weights) / ops.maximum(ops.sum(weights), 1)
