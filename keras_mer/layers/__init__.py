"""Layers for multimodal models; each is used alone in any Keras model."""

from keras_mer.layers.adaptive_multimodal_linear_pooling import AdaptiveMultimodalLinearPooling
from keras_mer.layers.adversarial_autoencoder import AdversarialAutoencoder
from keras_mer.layers.averaging_encoder import AveragingEncoder
from keras_mer.layers.bidirectional_gru import BidirectionalGRU
from keras_mer.layers.bidirectional_lstm import BidirectionalLSTM
from keras_mer.layers.cascaded_cross_modal_encoder import CascadedCrossModalEncoder
from keras_mer.layers.cross_modal_attention import CrossModalAttention
from keras_mer.layers.cross_modal_attention_stack import CrossModalAttentionStack
from keras_mer.layers.cross_modal_block import CrossModalBlock
from keras_mer.layers.cross_modal_gate import CrossModalGate
from keras_mer.layers.cross_modal_transformer import CrossModalTransformer
from keras_mer.layers.decision_fusion import DecisionFusion
from keras_mer.layers.early_fusion import EarlyFusion
from keras_mer.layers.emotion_alignment import EmotionAlignment
from keras_mer.layers.emotion_matching import EmotionMatching
from keras_mer.layers.hard_negatives import HardNegatives
from keras_mer.layers.joint_cross_attention_fusion import JointCrossAttentionFusion
from keras_mer.layers.level_interaction import LevelInteraction
from keras_mer.layers.low_rank_fusion import LowRankFusion
from keras_mer.layers.mask_gated_fusion import MaskGatedFusion
from keras_mer.layers.masked_average_pooling_1d import MaskedAveragePooling1D
from keras_mer.layers.masked_batch_normalization import MaskedBatchNormalization
from keras_mer.layers.masked_convolution_1d import MaskedConvolution1D
from keras_mer.layers.masked_gru import MaskedGRU
from keras_mer.layers.masked_lstm import MaskedLSTM
from keras_mer.layers.masked_max_pooling_1d import MaskedMaxPooling1D
from keras_mer.layers.masked_resampling_1d import MaskedResampling1D
from keras_mer.layers.masked_valid_convolution_1d import MaskedValidConvolution1D
from keras_mer.layers.modality_dropout import ModalityDropout
from keras_mer.layers.multilayer_perceptron import MultilayerPerceptron
from keras_mer.layers.parallel_extractor import ParallelExtractor
from keras_mer.layers.patch_embedding import PatchEmbedding
from keras_mer.layers.patch_merging import PatchMerging
from keras_mer.layers.projection_head import ProjectionHead
from keras_mer.layers.recurrent_encoder import RecurrentEncoder
from keras_mer.layers.residual_gating_cell import ResidualGatingCell
from keras_mer.layers.residual_gating_network import ResidualGatingNetwork
from keras_mer.layers.selective_swin_transformer_block import SelectiveSwinTransformerBlock
from keras_mer.layers.swin_transformer_block import SwinTransformerBlock
from keras_mer.layers.swin_transformer_stage import SwinTransformerStage
from keras_mer.layers.swin_transformer_v2 import SwinTransformerV2
from keras_mer.layers.temporal_convolution import TemporalConvolution
from keras_mer.layers.tensor_fusion import TensorFusion
from keras_mer.layers.visual_sequence_compression import VisualSequenceCompression
from keras_mer.layers.window_attention import WindowAttention

__all__ = [
    "AdaptiveMultimodalLinearPooling",
    "AdversarialAutoencoder",
    "AveragingEncoder",
    "BidirectionalGRU",
    "BidirectionalLSTM",
    "CascadedCrossModalEncoder",
    "CrossModalAttention",
    "CrossModalAttentionStack",
    "CrossModalBlock",
    "CrossModalGate",
    "CrossModalTransformer",
    "DecisionFusion",
    "EarlyFusion",
    "EmotionAlignment",
    "EmotionMatching",
    "HardNegatives",
    "JointCrossAttentionFusion",
    "LevelInteraction",
    "LowRankFusion",
    "MaskGatedFusion",
    "MaskedAveragePooling1D",
    "MaskedBatchNormalization",
    "MaskedConvolution1D",
    "MaskedGRU",
    "MaskedLSTM",
    "MaskedMaxPooling1D",
    "MaskedResampling1D",
    "MaskedValidConvolution1D",
    "ModalityDropout",
    "MultilayerPerceptron",
    "ParallelExtractor",
    "PatchEmbedding",
    "PatchMerging",
    "ProjectionHead",
    "RecurrentEncoder",
    "ResidualGatingCell",
    "ResidualGatingNetwork",
    "SelectiveSwinTransformerBlock",
    "SwinTransformerBlock",
    "SwinTransformerStage",
    "SwinTransformerV2",
    "TemporalConvolution",
    "TensorFusion",
    "VisualSequenceCompression",
    "WindowAttention",
]
