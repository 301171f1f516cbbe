"""The methods by their names, in the order in which they are preferred where they are tied."""

from metier.continual.update.methods.elastic_weights import ElasticWeights
from metier.continual.update.methods.joint import Joint
from metier.continual.update.methods.kernel_lda import KernelLda
from metier.continual.update.methods.method import UpdateMethod
from metier.continual.update.methods.naive import Naive
from metier.continual.update.methods.nearest_mean import NearestMean
from metier.continual.update.methods.new_columns import NewColumns
from metier.continual.update.methods.replay import Replay
from metier.continual.update.methods.streaming_lda import StreamingLda
from metier.continual.update.methods.without_forgetting import WithoutForgetting

METHODS: dict[str, type[UpdateMethod]] = {
    one.name: one
    for one in (
        StreamingLda,
        NearestMean,
        Replay,
        KernelLda,
        WithoutForgetting,
        ElasticWeights,
        NewColumns,
        Naive,
        Joint,
    )
}
BOUNDS = (Naive.name, Joint.name)
