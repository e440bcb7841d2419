"""Describes a step of a compacted network: the nodes that the kernel computes in one call."""
from dataclasses import dataclass, field

from ..compact.graph import Graph
from .joined_transformer import JoinedTransformer


@dataclass
class BlockNodes:
    """Names the nodes that one call of a block computes: all read one map.

    Attributes:
        source (str): The map.
        stride (int): Of the output.
        paths (List[List[str]]): MixConv paths: expansion, depthwise, projection each.
        identity (bool): Whether the map itself is added, too.
        residual (str, optional): A convolution of the map that is added, too.
        transformer (JoinedTransformer, optional): One of the map that is added, too.
        coarser (List[str]): The map is a concatenation: the first of its maps, then those that are
            enlarged before; empty: it is not, or others read it as well.
    """
    source: str
    stride: int
    paths: list[list[str]] = field(default_factory=list)
    identity: bool = False
    residual: str | None = None
    transformer: JoinedTransformer | None = None
    coarser: list[str] = field(default_factory=list)

    @property
    def inputs(self) -> list[str]:
        """Return the maps that the call reads."""
        return self.coarser or [self.source]


@dataclass
class Step:
    """Joins a node of the graph with those before it that are computed along with it.

    Attributes:
        node (str): Name of the (last) node, which the result gets.
        blocks (List[BlockNodes]): Blocks that are added up.
        source (str): Input of a convolution or a stem.
        conv (str, optional): A convolution instead of blocks.
        stem (List[str]): Two convolutions of stride 2 instead.
        terms (List[str]): Nodes that are added to the sum.
        halves (List[str]): Nodes that are enlarged twice, then added.
        relu (bool): Whether a ReLU ends it.
        static (bool): Whether it is the same for all images of a size.
    """
    node: str
    blocks: list[BlockNodes] = field(default_factory=list)
    source: str = ''
    conv: str | None = None
    stem: list[str] = field(default_factory=list)
    terms: list[str] = field(default_factory=list)
    halves: list[str] = field(default_factory=list)
    relu: bool = False
    static: bool = False

    def reads(self, graph: Graph) -> list[str]:
        """Return the maps that it reads."""
        if self.conv or self.stem:
            return [self.source]
        found = [name for block in self.blocks for name in block.inputs] + self.terms
        found += [graph.nodes[name].inputs[0] for name in self.halves]
        return found or graph.nodes[self.node].inputs
