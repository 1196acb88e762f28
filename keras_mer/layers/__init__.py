"""Layers for multimodal models; each is used alone in any Keras model."""

from keras_mer.layers.bidirectional_lstm import BidirectionalLSTM
from keras_mer.layers.cascaded_cross_modal_encoder import CascadedCrossModalEncoder
from keras_mer.layers.cross_modal_attention import CrossModalAttention
from keras_mer.layers.cross_modal_block import CrossModalBlock
from keras_mer.layers.mask_gated_fusion import MaskGatedFusion
from keras_mer.layers.masked_average_pooling_1d import MaskedAveragePooling1D
from keras_mer.layers.masked_convolution_1d import MaskedConvolution1D
from keras_mer.layers.masked_max_pooling_1d import MaskedMaxPooling1D
from keras_mer.layers.masked_resampling_1d import MaskedResampling1D
from keras_mer.layers.modality_dropout import ModalityDropout
from keras_mer.layers.parallel_extractor import ParallelExtractor

__all__ = [
    "BidirectionalLSTM",
    "CascadedCrossModalEncoder",
    "CrossModalAttention",
    "CrossModalBlock",
    "MaskGatedFusion",
    "MaskedAveragePooling1D",
    "MaskedConvolution1D",
    "MaskedMaxPooling1D",
    "MaskedResampling1D",
    "ModalityDropout",
    "ParallelExtractor",
]
