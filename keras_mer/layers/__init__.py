"""Layers for multimodal models; each is used alone in any Keras model."""

from keras_mer.layers.averaging_encoder import AveragingEncoder
from keras_mer.layers.bidirectional_lstm import BidirectionalLSTM
from keras_mer.layers.cascaded_cross_modal_encoder import CascadedCrossModalEncoder
from keras_mer.layers.cross_modal_attention import CrossModalAttention
from keras_mer.layers.cross_modal_block import CrossModalBlock
from keras_mer.layers.cross_modal_transformer import CrossModalTransformer
from keras_mer.layers.early_fusion import EarlyFusion
from keras_mer.layers.low_rank_fusion import LowRankFusion
from keras_mer.layers.mask_gated_fusion import MaskGatedFusion
from keras_mer.layers.masked_average_pooling_1d import MaskedAveragePooling1D
from keras_mer.layers.masked_batch_normalization import MaskedBatchNormalization
from keras_mer.layers.masked_convolution_1d import MaskedConvolution1D
from keras_mer.layers.masked_lstm import MaskedLSTM
from keras_mer.layers.masked_resampling_1d import MaskedResampling1D
from keras_mer.layers.masked_valid_convolution_1d import MaskedValidConvolution1D
from keras_mer.layers.modality_dropout import ModalityDropout
from keras_mer.layers.parallel_extractor import ParallelExtractor
from keras_mer.layers.recurrent_encoder import RecurrentEncoder
from keras_mer.layers.tensor_fusion import TensorFusion

__all__ = [
    "AveragingEncoder",
    "BidirectionalLSTM",
    "CascadedCrossModalEncoder",
    "CrossModalAttention",
    "CrossModalBlock",
    "CrossModalTransformer",
    "EarlyFusion",
    "LowRankFusion",
    "MaskGatedFusion",
    "MaskedAveragePooling1D",
    "MaskedBatchNormalization",
    "MaskedConvolution1D",
    "MaskedLSTM",
    "MaskedResampling1D",
    "MaskedValidConvolution1D",
    "ModalityDropout",
    "ParallelExtractor",
    "RecurrentEncoder",
    "TensorFusion",
]
