"""Layers for multimodal models; each is used alone in any Keras model."""

from keras_mer.layers.adaptive_multimodal_linear_pooling import AdaptiveMultimodalLinearPooling
from keras_mer.layers.bidirectional_gru import BidirectionalGRU
from keras_mer.layers.bidirectional_lstm import BidirectionalLSTM
from keras_mer.layers.cascaded_cross_modal_encoder import CascadedCrossModalEncoder
from keras_mer.layers.cross_modal_attention import CrossModalAttention
from keras_mer.layers.cross_modal_block import CrossModalBlock
from keras_mer.layers.joint_cross_attention_fusion import JointCrossAttentionFusion
from keras_mer.layers.level_interaction import LevelInteraction
from keras_mer.layers.mask_gated_fusion import MaskGatedFusion
from keras_mer.layers.masked_average_pooling_1d import MaskedAveragePooling1D
from keras_mer.layers.masked_convolution_1d import MaskedConvolution1D
from keras_mer.layers.masked_gru import MaskedGRU
from keras_mer.layers.masked_resampling_1d import MaskedResampling1D
from keras_mer.layers.modality_dropout import ModalityDropout
from keras_mer.layers.parallel_extractor import ParallelExtractor
from keras_mer.layers.residual_gating_cell import ResidualGatingCell
from keras_mer.layers.residual_gating_network import ResidualGatingNetwork

__all__ = [
    "AdaptiveMultimodalLinearPooling",
    "BidirectionalGRU",
    "BidirectionalLSTM",
    "CascadedCrossModalEncoder",
    "CrossModalAttention",
    "CrossModalBlock",
    "JointCrossAttentionFusion",
    "LevelInteraction",
    "MaskGatedFusion",
    "MaskedAveragePooling1D",
    "MaskedConvolution1D",
    "MaskedGRU",
    "MaskedResampling1D",
    "ModalityDropout",
    "ParallelExtractor",
    "ResidualGatingCell",
    "ResidualGatingNetwork",
]
