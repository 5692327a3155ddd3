"""Traits: what a norm may depend on, and the releases of TensorFlow in which norms changed."""

from __future__ import annotations

import attrs

#: The first release that differs from the page's own, which is 2.9. Measured: 2.9 and 2.15 differ.
AFTER_THE_PAGE = (2, 10)
#: From here on `tf.keras` is Keras 3, and the layer comes with the package tf-keras.
KERAS_3 = (2, 16)


@attrs.frozen
class Traits:
    """What a norm may depend on: the framework's release and the mode, never a subject's name.

    Subjects outside TensorFlow are judged by what TensorFlow 2.15 does in eager mode.

    Args:
        tensorflow: whether the subject is TensorFlow's own layer.
        release: major and minor version of TensorFlow.
        mode: `eager`, `graph`, `v1`, or a way of calling a framework.
        onednn: whether oneDNN computes.
        tape: whether gradients outside TensorFlow are those of a call that is made for them.
    """

    tensorflow: bool = False
    release: tuple[int, int] = (2, 15)
    mode: str = "eager"
    onednn: bool = False
    tape: bool = False

    @property
    def graph(self) -> bool:
        """Whether the subject runs in graph mode, with TensorFlow 2's behaviour or 1's."""
        return self.mode in ("graph", "v1")

    @property
    def v1(self) -> bool:
        """Whether it is a process after `tf.compat.v1.disable_v2_behavior()`."""
        return self.mode == "v1"

    @property
    def of_the_page(self) -> bool:
        """Whether the subject is TensorFlow of the page's own release."""
        return self.tensorflow and self.release < AFTER_THE_PAGE

    @property
    def beside_keras_3(self) -> bool:
        """Whether the subject is a TensorFlow whose own Keras is Keras 3."""
        return self.tensorflow and self.release >= KERAS_3
