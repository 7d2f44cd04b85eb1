"""Classic models, with the parameter names of the libraries that publish weights for them.

The vision models have torchvision's names, GPT-2 Hugging Face's, so `model.load_state_dict(mt.load(file))` takes their
checkpoints. Nothing is downloaded.
"""

from .gpt import GPT2Config, GPT2LMHeadModel, GPT2Model, gpt2, gpt2_large, gpt2_medium, gpt2_xl
from .lenet import LeNet
from .mlp import MLP
from .resnet import (
    ResNet,
    resnet18,
    resnet34,
    resnet50,
    resnet101,
    resnet152,
    resnext50_32x4d,
    resnext101_32x8d,
    wide_resnet50_2,
    wide_resnet101_2,
)
from .vgg import VGG, vgg11, vgg11_bn, vgg13, vgg13_bn, vgg16, vgg16_bn, vgg19, vgg19_bn
from .vit import VisionTransformer, vit_b_16, vit_b_32, vit_h_14, vit_l_16, vit_l_32
