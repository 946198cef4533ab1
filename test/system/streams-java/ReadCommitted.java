import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/** Kafka's own consumer over partition 0 of topics: prints "topic offset value" per record, then "topic end position". */
public class ReadCommitted {
  public static void main(String[] args) {
    Properties config = new Properties();
    config.put("bootstrap.servers", args[0]);
    config.put("isolation.level", args[1]);
    config.put("enable.auto.commit", "false");
    config.put("auto.offset.reset", "earliest");
    List<TopicPartition> partitions = Stream.of(args).skip(2).map(topic -> new TopicPartition(topic, 0)).toList();
    try (KafkaConsumer<String, String> consumer =
        new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer())) {
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = new HashMap<>(consumer.endOffsets(partitions));
      StringBuilder out = new StringBuilder();
      long deadline = System.currentTimeMillis() + 60_000;
      while (partitions.stream().anyMatch(p -> consumer.position(p) < ends.get(p))) {
        if (System.currentTimeMillis() > deadline) throw new IllegalStateException("not at the end within 60 s");
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
          out.append(record.topic()).append(' ').append(record.offset()).append(' ').append(record.value()).append('\n');
        }
      }
      for (TopicPartition p : partitions) {
        out.append(p.topic()).append(" end ").append(consumer.position(p)).append('\n');
      }
      System.out.print(out);
    }
  }
}
